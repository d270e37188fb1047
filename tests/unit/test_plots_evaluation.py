"""Figures of the evaluation show the side, the size and the certainty of what they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from tiny_scores import random_scores

from cxr_helpers.extras.plots import evaluation_plots as drawings
from cxr_helpers.extras.statistics import decisions, strata
from cxr_helpers.plots import style


@pytest.fixture
def pair():
    row = {"experiment": "mobilenetv2 a", "against": "vgg16 b"}
    row |= {"auc": 0.1, "auc_holm": 0.01, "accuracy": -0.05, "accuracy_holm": 0.2}
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["mobilenetv2 a", "vgg16 b"], {(0, 1): "−.050", (1, 0): "−.100"}),  # row minus column: b minus a in AUC
        (["vgg16 b", "mobilenetv2 a"], {(0, 1): "+.050", (1, 0): "+.100"}),
    ],
)
def test_a_difference_is_row_minus_column_and_framed_if_it_holds(pair, names, expected):
    ax = drawings.pair_matrix(pair, names).axes[0]
    written = {(text.get_position()[1], text.get_position()[0]): text for text in ax.texts}
    assert {place: text.get_text() for place, text in written.items()} == expected
    assert written[1, 0].get_weight() == "bold" and written[0, 1].get_weight() == "normal"
    (frame,) = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert frame.get_xy() == (-0.47, 0.53)  # about the AUC, below the diagonal


def test_decision_curves_show_model_all_and_none_with_a_band():
    curve = decisions.net_benefit(random_scores(), n_boot=50)
    fig = drawings.decision_curves({"prevalence 60 %": curve, "again": curve}, "mobilenetv2_finetuned")
    for ax in fig.axes:
        none, everyone, model = ax.get_lines()
        assert list(none.get_ydata()) == [0, 0]
        assert np.array_equal(everyone.get_ydata(), curve.treat_all) and np.array_equal(model.get_ydata(), curve.model)
        assert model.get_color() == style.COLOURS["mobilenetv2"] and len(ax.collections) == 1
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["treat none", "treat all", "mobilenetv2_finetuned"]


def test_strata_have_a_row_each_and_hollow_marks_without_interval():
    row = {"ci_low": 0.6, "ci_high": 0.9, "normal": 10, "pneumonia": 20}
    few = {"ci_low": np.nan, "ci_high": np.nan, "normal": 1, "pneumonia": 20}
    parts = [{"stratum": "1: below 900", "value": 0.8} | few, {"stratum": "2: from 900", "value": 0.7} | row]
    parts += [{"stratum": name, "value": 0.75} | row for name in (strata.WITHIN, strata.ALL, strata.DIFFERENCE)]
    table = pd.concat([pd.DataFrame(parts).assign(experiment=name) for name in ("vgg16_thesis", "image width")])
    fig = drawings.auc_by_stratum(table, "published width")
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["vgg16\nthesis", "image width"]
    labels = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert labels == ["1: below 900\n(1 N, 20 P)", "2: from 900\n(10 N, 20 P)", f"{strata.WITHIN}\n(10 N, 20 P)"]
    marks = [line for line in fig.axes[0].get_lines() if line.get_marker() in ("o", "D")]
    assert [to_hex(mark.get_markerfacecolor()) for mark in marks] == ["#ffffff", "#d55e00", "#d55e00"]
    assert [mark.get_marker() for mark in marks] == ["o", "o", "D"]
