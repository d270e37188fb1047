"""The stored measures: read, shown, checked by rules, and concluded from; every row made up by hand."""

import numpy as np
import pandas as pd
import pytest

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.saliency import map_checks as checks
from cxr_helpers.extras.saliency import map_measures as measures
from cxr_helpers.extras.saliency import map_subjects
from cxr_helpers.extras.saliency import measure_plots as drawings

SYSTEM = "mine"
LUNGS = measures.energy(measures.LUNGS)
SEEDS, RANDOM = (measures.alike(measures.RANK, what) for what in (measures.SEEDS, "2 of 2 parts random"))


def row(method, model, data, measure, value, margin=0.1):
    return (method, model, data, measure, value, value - margin, value + margin, 8)


TABLE = pd.DataFrame(
    [
        *(row(name, SYSTEM, measures.ADULT, LUNGS, at) for name, at in (("gradcam", 0.8), ("lime", 0.55))),
        *(row(name, SYSTEM, measures.ADULT, LUNGS, at) for name, at in (("centre", 0.4), ("edges", 0.2))),
        *(row(name, SYSTEM, measures.TEST, SEEDS, 0.5) for name in ("gradcam", "lime")),
        row("gradcam", SYSTEM, measures.TEST, measures.alike(measures.RANK, "1 of 2 parts random"), 0.9),
        row("gradcam", SYSTEM, measures.TEST, RANDOM, 0.2),
        row("gradcam", SYSTEM, measures.TEST, measures.alike("SSIM", "2 of 2 parts random"), 0.3),
        row("lime", SYSTEM, measures.TEST, RANDOM, 0.45),
        row("gradcam", SYSTEM, measures.TEST, measures.alike(measures.RANK, measures.SHIFT), 0.8),
        row("lime", SYSTEM, measures.TEST, measures.alike(measures.RANK, measures.SHIFT), 0.55),
        row("gradcam", SYSTEM, measures.TEST, measures.alike(measures.RANK, "with edges"), -0.3),
        row("edges", SYSTEM, measures.TEST, measures.alike(measures.RANK, "with gradcam"), -0.3),
        *(row(name, SYSTEM, measures.TEST, measures.DELETION, at) for name, at in (("edges", 0.6), ("random", 0.4))),
    ],
    columns=measures.COLUMNS,
)


@pytest.fixture
def stored(workplace):
    measures.path("full").parent.mkdir(parents=True)
    TABLE.to_csv(measures.path("full"), index=False)
    return measures.path("full")


def test_what_is_stored_is_read(stored):
    assert stored.name == "explanation_measures.csv"
    pd.testing.assert_frame_equal(measures.load("full"), TABLE)


def test_a_missing_or_broken_table_names_the_command(stored):
    stored.write_bytes(b"\xff\xfe")
    with pytest.raises(CxrError, match="cannot be read.*cxr measure-maps --profile full"):
        measures.load("full")
    stored.unlink()
    with pytest.raises(CxrError, match="is missing.*cxr measure-maps --profile full"):
        measures.load("full")


def test_methods_stand_before_controls_with_their_intervals():
    shown = measures.by_method(TABLE, measures.ADULT, SYSTEM, [LUNGS, measures.GAIN])
    assert shown.method.tolist() == ["Grad-CAM", "LIME", "centre prior", "edge detector"]
    assert shown.loc[0, [LUNGS, f"{LUNGS}_low", f"{LUNGS}_high"]].tolist() == [0.8, pytest.approx(0.7), pytest.approx(0.9)]
    assert shown[measures.GAIN].isna().all() and (shown.images == 8).all()


def test_the_best_control_is_the_largest_and_of_deletion_the_smallest():
    assert measures.best_control(measures.part(TABLE, measures.ADULT, SYSTEM, LUNGS)).name == "centre"
    assert measures.best_control(measures.part(TABLE, measures.TEST, SYSTEM, measures.DELETION)).name == "random"
    assert measures.best_control(measures.part(TABLE, measures.TEST, SYSTEM, SEEDS)) is None


def test_the_cascade_goes_by_share():
    found = measures.cascade(TABLE, SYSTEM)
    assert found[found.method == "gradcam"][["share", "value"]].to_numpy().tolist() == [[0.5, 0.9], [1, 0.2]]
    assert measures.cascade(TABLE, SYSTEM, "SSIM").value.tolist() == [0.3]


def test_the_matrix_is_symmetric_and_empty_where_nothing_was_compared():
    matrix = measures.agreement(TABLE, SYSTEM)
    assert matrix.loc["Grad-CAM", "edge detector"] == matrix.loc["edge detector", "Grad-CAM"] == -0.3
    assert np.isnan(matrix.loc["Grad-CAM", "Grad-CAM"])


def test_the_stored_checks_are_those_of_the_stored_measures():
    stored = pd.read_csv(paths.tables("full") / checks.FILE)
    found = checks.verdicts(measures.load("full"), map_subjects.PLANS["full"].experiments[0])
    pd.testing.assert_frame_equal(*(table.set_index("method").sort_index() for table in (stored, found)))


def test_verdicts_follow_the_rules():
    found = checks.verdicts(TABLE, SYSTEM).set_index("method")
    expected = {
        "stays in the lungs": ("passes", "fails"),  # 0.7 and 0.45 against 0.5
        "is faithful": ("–", "–"),
        "needs the weights": ("passes", "fails"),  # 0.3 and 0.55 against 0.4, the lower end between seeds
        "survives a shift": ("passes", "fails"),  # 0.7 and 0.45 against 0.6, the upper end
        "survives noise": ("–", "–"),
    }
    assert {check: tuple(found.loc[["Grad-CAM", "LIME"], check]) for check in found} == expected


def test_the_best_method_stands_beside_the_best_control():
    best, tried, control = checks.best(TABLE, checks.CHECKS[0], SYSTEM)
    assert (list(best.index), tried, control.name) == (["gradcam"], 2, "centre")
    tied = TABLE.assign(value=TABLE.value.where(TABLE.measure != LUNGS, 1.0))
    assert list(checks.best(tied, checks.CHECKS[0], SYSTEM)[0].index) == ["gradcam", "lime"]


def test_figures_show_every_method_and_its_interval():
    rows = measures.part(TABLE, measures.ADULT, SYSTEM, LUNGS)
    fig = drawings.beside_controls([("energy", rows)])
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Grad-CAM", "LIME", "centre prior", "edge detector"]
    assert [pytest.approx(0.7), pytest.approx(0.9)] in [list(line.get_xdata()) for line in ax.lines]
    panels = drawings.cascade(TABLE, SYSTEM).axes
    assert panels[0].get_title() == "Grad-CAM" and list(panels[0].lines[0].get_ydata()) == [1, 0.9, 0.2]
