"""Explanation methods beside controls, under random weights, and beside each other."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cxr_helpers.explain import methods
from cxr_helpers.extras.saliency import controls
from cxr_helpers.extras.tables import explanation_tables
from cxr_helpers.plots.style import FAINT, INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

# What a method works with -> its colour (Okabe and Ito) and marker.
FAMILIES = {
    "feature maps": ("#0072B2", "o", ("gradcam", "gradcam_plusplus", "hirescam", "layercam")),
    "gradients": ("#D55E00", "s", ("gradient_input", "integrated_gradients", "smoothgrad", "shap_gradient")),
    "hidden regions": ("#009E73", "^", ("occlusion", "shap_partition", "lime")),
    "control": ("#6E6E6E", "D", tuple(controls.TITLES)),
}
_ROW, _COLUMNS = 0.19, 4  # inches a method; panels beside each other
_BETWEEN = "rank correlation between seeds"
_LINES = {"rank correlation": "-", "SSIM": "--", _BETWEEN: ":"}


@styled
def beside_controls(panels: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """Draw measures side by side, a row per method with its 95 % interval; the band is that of the best control.

    Args:
        panels: title and rows, as `explanation_tables.part` gives them.
    """
    known = [name for name in (*methods.METHODS, *controls.TITLES) if any(name in rows.index for _, rows in panels)]
    fig = empty_figure(_ROW * len(known) + 1.0, TEXT_WIDTH)
    axes = fig.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (title, rows) in zip(axes, panels, strict=True):
        best = explanation_tables.best_control(rows)
        if best is not None:
            ax.axvspan(best.ci_low, best.ci_high, color=FAINT, alpha=0.45, linewidth=0)
        for place, name in enumerate(known):
            if name in rows.index:
                _mark(ax, place, name, rows.loc[name])
        ax.set_title(title, fontsize=8, loc="center")
        ax.grid(axis="x", color="#E6E6E6", linewidth=0.7)
        ax.set_axisbelow(True)
    axes[0].set_yticks(range(len(known)), [explanation_tables.title(name) for name in known], fontsize=7)
    axes[0].set_ylim(len(known) - 0.5, -0.5)
    looks = [{"color": look[0], "marker": look[1], "label": family} for family, look in FAMILIES.items()]
    fig.legend(handles=[Line2D([], [], linestyle="none", **look) for look in looks], loc="outside lower center", ncols=4)
    return fig


@styled
def cascade(table: pd.DataFrame, model: str) -> Figure:
    """Draw, a panel per method, how alike its maps stay to the trained model's as the weights become random from the top.

    Args:
        table: as `explanation_tables.load` gives it.
        model: whose maps.

    Rank correlation (solid) and SSIM (dashed) with 95 % bands; the dotted line is the rank correlation between seeds.
    """
    curves = {kind: explanation_tables.cascade(table, model, kind) for kind in ("rank correlation", "SSIM")}
    known = [name for name in methods.METHODS if name in set(curves["SSIM"].method)]
    between = explanation_tables.alike("rank correlation", explanation_tables.SEEDS)
    seeds = explanation_tables.part(table, explanation_tables.TEST, model, between)
    rows = -(-len(known) // _COLUMNS)
    fig = empty_figure(1.55 * rows + 0.5, TEXT_WIDTH)
    panels = fig.subplots(rows, min(_COLUMNS, len(known)), sharex=True, sharey=True, squeeze=False).ravel()
    for ax, name in zip(panels, known, strict=False):
        for kind, curve in curves.items():
            _curve(ax, curve[curve.method == name], _look(name)[0], _LINES[kind])
        if name in seeds.index:
            ax.axhline(seeds.value[name], color=INK, linestyle=_LINES[_BETWEEN], linewidth=1)
        ax.set_title(explanation_tables.title(name), fontsize=8, loc="center")
    for ax in panels[len(known) :]:
        ax.set_axis_off()
    fig.supxlabel("share of the layers that are random, from the top", fontsize=8)
    handles = [Line2D([], [], color=INK, linestyle=line, linewidth=1.2, label=label) for label, line in _LINES.items()]
    fig.legend(handles=handles, loc="outside upper center", ncols=3)
    return fig


@styled
def agreement(matrix: pd.DataFrame) -> Figure:
    """Draw the rank correlations between methods as a matrix of numbers on a scale from -1 to 1."""
    fig = empty_figure(0.34 * len(matrix) + 1.2, TEXT_WIDTH)
    ax = fig.subplots()
    picture = ax.imshow(matrix.to_numpy(float), cmap="PuOr_r", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(matrix.to_numpy(float)):
        if np.isfinite(value):
            ink = "white" if abs(value) > 0.7 else "black"
            words = f"{round(value, 1) + 0.0:.1f}".replace("-", "−")  # + 0.0: no negative zero
            ax.text(column, row, words, ha="center", va="center", fontsize=7, color=ink)
    ax.set_xticks(range(len(matrix.columns)), matrix.columns, rotation=60, ha="right", fontsize=7)
    ax.set_yticks(range(len(matrix)), matrix.index, fontsize=7)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    fig.colorbar(picture, ax=ax, shrink=0.6, label="rank correlation").outline.set_visible(False)
    return fig


def _look(name: str) -> tuple[str, str]:
    return next((colour, marker) for colour, marker, members in FAMILIES.values() if name in members)


def _mark(ax: Axes, place: int, name: str, row: pd.Series) -> None:
    colour, marker = _look(name)
    ax.plot([row.ci_low, row.ci_high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
    ax.plot(row.value, place, marker=marker, color=colour, markersize=4)


def _curve(ax: Axes, curve: pd.DataFrame, colour: str, line: str) -> None:
    share, value, low, high = (np.r_[start, curve[name]] for start, name in zip((0, 1, 1, 1), curve.columns[1:], strict=True))
    ax.fill_between(share, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.plot(share, value, color=colour, linestyle=line, marker="o", markersize=2.5, linewidth=1.2)
