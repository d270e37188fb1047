"""Cross-validation beside the official test."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from cxr_helpers.evaluation import metrics
from cxr_helpers.plots.style import INK, TEXT_WIDTH, colour, styled, value_grid
from cxr_helpers.plots.style import figure as empty_figure

_MARKERS = "osD^"


@styled
def cross_validation(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw each fold's figures with 95 % intervals, a panel per metric; all folds and the official test stand below.

    Args:
        tables: experiment -> images, metric, value, ci_low, ci_high, as `cxr_helpers.extras.tables.fold_tables.table` gives them.
    """
    first = next(iter(tables.values()))
    rows, shown = list(first.images.unique()), list(first.metric.unique())
    fig = empty_figure(0.8 + 0.3 * len(rows), TEXT_WIDTH)
    panels = fig.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for ax, metric in zip(panels, shown, strict=True):
        for number, (name, table) in enumerate(tables.items()):
            part = table[table.metric == metric].set_index("images").loc[rows]
            places = [row + 0.24 * (number - (len(tables) - 1) / 2) for row in range(len(rows))]
            ends = [part.value - part.ci_low, part.ci_high - part.value]
            shade = {"color": colour(name), "markerfacecolor": "white" if number % 2 else colour(name)}
            ax.errorbar(part.value, places, xerr=ends, fmt=_MARKERS[number], label=name, markersize=4, **shade)
        ax.axhline(sum(row.startswith("fold") for row in rows) - 0.5, color=INK, linewidth=0.6, linestyle=":")
        ax.set(title=metrics.TITLES[metric], yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))
        value_grid(ax, "x")
    fig.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(tables))
    return fig
