"""The figures of the source documents beside the report's own."""

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.plots.style import FAINT, INK, TEXT_WIDTH, styled, value_grid
from cxr_helpers.plots.style import figure as empty_figure

# Distinguished by colour (blind-safe: Paul Tol's high contrast), by lightness and by marker.
VERDICTS = {
    "reproduced": {"color": "#004488", "marker": "o"},
    "higher": {"color": "#DDAA33", "marker": "^"},
    "lower": {"color": "#BB5566", "marker": "v"},
    "not testable here": {"color": "#8C8C8C", "marker": "s"},
}
_SHARE = re.compile("accuracy|precision|recall|sensitivity|specificity|f1|auc|dice", re.IGNORECASE)
_LINE, _SMALL, _MARK = 0.185, 7, 4.8  # inches a row, points of its words and of its marks
_REACH = 195  # points from the axis to the experiments' names


@styled
def reported_against_ours(table: pd.DataFrame) -> Figure:
    """Draw reported figures (open diamonds) beside ours (filled, with the 95 % interval), a row per experiment and metric.

    Args:
        table: as `reported_vs_reproduced.table` returns it; drawn are figures from 0 to 1 (accuracy, AUC, ...) that have both.

    Colour and marker of ours give the verdict; a faint line joins the two; rows stand together by source and experiment.

    Raises:
        CxrError: no figure has both.
    """
    rows = _drawable(table)
    if rows.empty:
        raise CxrError("The comparison has no figure between 0 and 1 that is reported and reproduced; train an experiment first.")
    places = _places(rows)
    fig = empty_figure(0.85 + _LINE * (places.max() + 1), TEXT_WIDTH)
    ax = fig.subplots()
    for place, row in zip(places, rows.itertuples(), strict=True):
        ax.plot([row.reported, row.reproduced], [place, place], color=FAINT, linewidth=0.8, zorder=1)
        look = VERDICTS[row.verdict]
        ax.plot([row.ci_low, row.ci_high], [place, place], color=look["color"], linewidth=2, solid_capstyle="butt")
        ax.plot(row.reproduced, place, **look, markersize=_MARK)
        ax.plot(row.reported, place, "D", color=INK, markerfacecolor="none", markersize=_MARK, markeredgewidth=0.9)
    ax.set_yticks(places, rows.metric.map(metrics.title), fontsize=_SMALL)
    _headings(ax, rows, places)
    ax.set(xlabel="share, or area under the curve", ylim=(places.max() + 0.7, -0.7))
    ax.tick_params(axis="y", length=0)
    value_grid(ax, "x")
    ax.spines["left"].set_visible(False)
    fig.legend(handles=_legend(rows), loc="outside upper center", ncols=3)
    return fig


def _drawable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have both figures on a scale from 0 to 1, by source and experiment in their own order."""
    share = table.metric.str.contains(_SHARE) & ~table.metric.str.contains(" minus ")
    rows = table[share & table.reported.between(0, 1) & table.reproduced.between(0, 1)]
    keys = {name: {value: place for place, value in enumerate(rows[name].unique())} for name in ("source", "system")}
    return rows.sort_values(["source", "system"], key=lambda part: part.map(keys[part.name]), kind="stable", ignore_index=True)


def _places(rows: pd.DataFrame) -> np.ndarray:
    """Return each row's place from the top; a source has a line above it for its name."""
    return np.arange(len(rows)) + (rows.source != rows.source.shift()).cumsum().to_numpy()


def _headings(ax: Axes, rows: pd.DataFrame, places: np.ndarray) -> None:
    """Write each source above its rows, and each experiment at the left of its first."""
    words = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": _SMALL}
    for place, (source, system) in zip(places, rows[["source", "system"]].itertuples(index=False), strict=True):
        first = rows.index[rows.source == source][0], rows.index[rows.system == system][0]
        if place == places[first[0]]:
            ax.annotate(source, (0, place - 1), (-_REACH, 0), **words, weight="bold")
        if place == places[first[1]]:
            ax.annotate(system, (0, place), (-_REACH, 0), **words)


def _legend(rows: pd.DataFrame) -> list[Line2D]:
    handles = [Line2D([], [], color=INK, marker="D", linestyle="", markerfacecolor="none", markersize=_MARK, label="reported")]
    for verdict, look in VERDICTS.items():
        if verdict in set(rows.verdict):
            handles.append(Line2D([], [], **look, markersize=_MARK, linewidth=2, label=f"ours: {verdict}"))
    return handles
