"""Explanation methods beside controls, and under random weights."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cxr_helpers.extras.saliency import every_method, map_measures, methods
from cxr_helpers.plots.style import FAINT, INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

CONTROL = "control"
# What a method works with -> its colour (Okabe and Ito) and marker.
_LOOKS = ("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#6E6E6E", "D")
LOOKS = dict(zip((*methods.FAMILIES, CONTROL), _LOOKS, strict=True))
_ROW, _COLUMNS = 0.19, 4  # inches a method; panels beside each other
_BETWEEN = "rank correlation between seeds"
_LINES = {"rank correlation": "-", "SSIM": "--", _BETWEEN: ":"}


@styled
def beside_controls(panels: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """Draw measures side by side, a row per method with its 95 % interval; the band is that of the best control.

    `panels`: title and rows, as `map_measures.part` gives them.
    """
    names = map_measures.known([name for _, rows in panels for name in rows.index])
    fig = empty_figure(_ROW * len(names) + 1.0, TEXT_WIDTH)
    axes = fig.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (title, rows) in zip(axes, panels, strict=True):
        best = map_measures.best_control(rows)
        if best is not None:
            ax.axvspan(best.ci_low, best.ci_high, color=FAINT, alpha=0.45, linewidth=0)
        for row in rows[rows.index.isin(names)].itertuples():
            (colour, marker), place = _look(row.Index), names.index(row.Index)
            ax.plot([row.ci_low, row.ci_high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
            ax.plot(row.value, place, marker=marker, color=colour, markersize=4)
        ax.set_title(title, fontsize=8, loc="center")
        ax.grid(axis="x", color="#E6E6E6", linewidth=0.7)
        ax.set_axisbelow(True)
    axes[0].set_yticks(range(len(names)), [map_measures.title(name) for name in names], fontsize=7)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    handles = [Line2D([], [], linestyle="none", color=look[0], marker=look[1], label=family) for family, look in LOOKS.items()]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


@styled
def cascade(table: pd.DataFrame, model: str) -> Figure:
    """Draw, a panel per method, how alike its maps stay to the trained model's as the weights become random from the top.

    `table`: as `map_measures.load` gives it; `model`: whose maps. Rank correlation (solid) and SSIM (dashed) with 95 % bands;
    the dotted line is the rank correlation between seeds.
    """
    curves = {kind: map_measures.cascade(table, model, kind) for kind in ("rank correlation", "SSIM")}
    names = [name for name in every_method.found() if name in set(curves["SSIM"].method)]
    seeds = map_measures.part(table, map_measures.TEST, model, map_measures.alike("rank correlation", map_measures.SEEDS))
    rows = -(-len(names) // _COLUMNS)
    fig = empty_figure(1.55 * rows + 0.5, TEXT_WIDTH)
    panels = fig.subplots(rows, min(_COLUMNS, len(names)), sharex=True, sharey=True, squeeze=False).ravel()
    for ax, name in zip(panels, names, strict=False):
        for kind, curve in curves.items():
            _curve(ax, curve[curve.method == name], _look(name)[0], _LINES[kind])
        if name in seeds.index:
            ax.axhline(seeds.value[name], color=INK, linestyle=_LINES[_BETWEEN], linewidth=1)
        ax.set_title(map_measures.title(name), fontsize=8, loc="center")
    for ax in panels[len(names) :]:
        ax.set_axis_off()
    fig.supxlabel("share of the layers that are random, from the top", fontsize=8)
    handles = [Line2D([], [], color=INK, linestyle=line, linewidth=1.2, label=label) for label, line in _LINES.items()]
    fig.legend(handles=handles, loc="outside upper center", ncols=3)
    return fig


def _look(name: str) -> tuple[str, str]:
    return LOOKS[every_method.found()[name].family if name in every_method.found() else CONTROL]


def _curve(ax: Axes, curve: pd.DataFrame, colour: str, line: str) -> None:
    share, value, low, high = (np.r_[start, curve[name]] for start, name in zip((0, 1, 1, 1), curve.columns[1:], strict=True))
    ax.fill_between(share, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.plot(share, value, color=colour, linestyle=line, marker="o", markersize=2.5, linewidth=1.2)
