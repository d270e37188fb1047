"""The figure of reported against reproduced shows every pair at its place, with its interval and verdict."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from seen_colours import relative_luminance

from cxr_helpers.errors import CxrError
from cxr_helpers.plots.reported_plots import VERDICTS, reported_against_ours
from cxr_helpers.tables import reported_vs_reproduced


def row(system, source, metric, reported, reproduced, verdict="reproduced"):
    values = [reported, reproduced, reproduced - 0.02, reproduced + 0.01]
    return dict(zip(reported_vs_reproduced.COLUMNS, [system, source, metric, *values, verdict, "real: 1 seed", ""], strict=True))


@pytest.fixture
def table():
    rows = [
        row("b", "Second 2025", "roc_auc", 0.90, 0.95, "higher"),
        row("a", "First 2024", "accuracy", 0.80, 0.81),
        row("b", "Second 2025", "recall", 0.99, 0.85, "lower"),
        row("a", "First 2024", "bce", 0.30, 0.40, "higher"),
        row("a", "First 2024", "accuracy, a minus b", 0.02, 0.01),
        row("a", "First 2024", "tp", 635.0, 600.0, "lower"),
        row("c", "Third 2023", "accuracy", np.nan, 0.70),
        row("d", "Third 2023", "accuracy", 0.70, np.nan),
        row("e", "Third 2023", "f1", 0.70, 0.60, "not testable here"),
    ]
    return pd.DataFrame(rows)


def marks(fig):
    """Return {(x, y): marker} of every mark in the figure's axes."""
    lines = [line for line in fig.axes[0].lines if line.get_marker() not in ("None", None, "")]
    return {(line.get_xdata()[0], line.get_ydata()[0]): line.get_marker() for line in lines}


def test_pairs_stand_side_by_side_grouped_by_source(table):
    fig = reported_against_ours(table)
    places = {tick.get_text(): place for tick, place in zip(fig.axes[0].get_yticklabels(), fig.axes[0].get_yticks(), strict=True)}
    assert places == {"ROC AUC": 1, "Sensitivity": 2, "Accuracy": 4, "F1": 6}  # a line above each source names it
    assert marks(fig) == {
        **{(0.90, 1): "D", (0.95, 1): "^", (0.99, 2): "D", (0.85, 2): "v"},
        **{(0.80, 4): "D", (0.81, 4): "o", (0.70, 6): "D", (0.60, 6): "s"},
    }
    said = [text.get_text() for text in fig.axes[0].findobj(matplotlib.text.Annotation)]
    assert said == ["Second 2025", "b", "First 2024", "a", "Third 2023", "e"]


def test_ours_has_its_interval_in_the_colour_of_the_verdict(table):
    fig = reported_against_ours(table[table.metric == "roc_auc"])
    spans = {tuple(line.get_xdata()): line.get_color() for line in fig.axes[0].lines if len(line.get_xdata()) == 2}
    assert spans[(0.95 - 0.02, 0.95 + 0.01)] == VERDICTS["higher"]["color"]
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == ["reported", "ours: higher"]  # a verdict that does not occur needs no explanation


def test_verdicts_differ_in_marker_colour_and_grey_print():
    assert len({look["marker"] for look in VERDICTS.values()}) == len({look["color"] for look in VERDICTS.values()}) == 4
    shades = sorted(relative_luminance(look["color"]) for look in VERDICTS.values())
    assert min(np.diff(shades)) > 0.05


def test_forty_rows_fit_on_a_page(table):
    many = pd.concat([table.assign(system=f"system {number}") for number in range(10)])
    fig = reported_against_ours(many)
    assert len(fig.axes[0].get_yticks()) == 40 and fig.get_figheight() < 9.7  # A4 less its margins, in inches


def test_nothing_to_compare_is_said(table):
    with pytest.raises(CxrError, match="no figure between 0 and 1"):
        reported_against_ours(table[table.metric == "bce"])
