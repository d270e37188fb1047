"""Exported networks: AUC against milliseconds and bytes."""

import pandas as pd
import seaborn as sns
from matplotlib import ticker
from matplotlib.figure import Figure

from cxr_helpers.plots.style import FAINT, INK, TEXT_WIDTH, colour, styled
from cxr_helpers.plots.style import figure as empty_figure


@styled
def pareto(table: pd.DataFrame) -> Figure:
    """Draw AUC against milliseconds an image and against megabytes, one mark an export; its size tells the precision.

    `table`: as `deployment_tables.exported` gives it. A line leads along the best AUC at each cost.
    """
    shades = {name: colour("ensemble" if name == "final model" else name) for name in table.network.unique()}
    look = {"hue": "network", "palette": shades, "style": "engine", "size": "precision", "sizes": (20, 60)}
    shown = table.dropna(subset="AUC, val")
    fig = empty_figure(3.8, TEXT_WIDTH)
    for ax, column in zip(fig.subplots(1, 2, sharey=True), ("ms, one image", "MB"), strict=True):
        sns.scatterplot(shown, x=column, y="AUC, val", **look, ax=ax)
        rising = shown.sort_values(column)[[column, "AUC, val"]].cummax()
        ax.step(*rising.to_numpy().T, where="post", color=INK, linewidth=0.6, zorder=0)
        ax.set(xscale="log", xlabel=column, ylabel="AUC, validation images")
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_formatter(ticker.NullFormatter())
        ax.xaxis.set_major_formatter("{x:g}")
        ax.grid(color=FAINT, linewidth=0.3)
        ax.legend().remove()
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig
