"""Explanation methods beside controls."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cxr_helpers.extras.saliency import every_method, map_measures, methods
from cxr_helpers.plots.style import TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

CONTROL = "control"
# What a method works with -> its colour (Okabe and Ito) and marker.
_LOOKS = ("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#6E6E6E", "D")
LOOKS = dict(zip((*methods.FAMILIES, CONTROL), _LOOKS, strict=True))
_ROW = 0.19  # inches a method


@styled
def beside_controls(panels: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """Draw measures side by side, a row per method and, in grey, per control, each with its 95 % interval.

    `panels`: title and rows, as `map_measures.part` gives them.
    """
    names = map_measures.known([name for _, rows in panels for name in rows.index])
    fig = empty_figure(_ROW * len(names) + 1.0, TEXT_WIDTH)
    axes = fig.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (title, rows) in zip(axes, panels, strict=True):
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


def _look(name: str) -> tuple[str, str]:
    return LOOKS[every_method.found()[name].family if name in every_method.found() else CONTROL]
