"""Exported networks: AUC against milliseconds and bytes."""

import pandas as pd
import seaborn as sns
from matplotlib import ticker
from matplotlib.figure import Figure

from cxr_helpers.plots.style import FAINT, INK, TEXT_WIDTH, colour, styled
from cxr_helpers.plots.style import figure as empty_figure


@styled
def pareto(table: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw AUC against milliseconds an image and against megabytes, one mark an export; its size tells the precision.

    The line leads from each export that none to its left surpasses to the next.

    Args:
        table: network, engine, precision, ms, bytes, value (the AUC).
        titles: engine -> its name.
    """
    shades = {name: colour("ensemble" if name == "final model" else name) for name in table.network.unique()}
    look = {"hue": "network", "palette": shades, "style": "engine", "size": "precision", "sizes": (20, 60)}
    shown = table.assign(engine=table.engine.map(titles), MB=table.bytes / 1e6)
    fig = empty_figure(3.8, TEXT_WIDTH)
    for ax, (column, label) in zip(
        fig.subplots(1, 2, sharey=True), {"ms": "ms for one image", "MB": "MB of the file"}.items(), strict=True
    ):
        sns.scatterplot(shown, x=column, y="value", **look, ax=ax)
        rising = shown.sort_values(column)[[column, "value"]].cummax()
        ax.step(*rising.to_numpy().T, where="post", color=INK, linewidth=0.6, zorder=0)
        ax.set(xscale="log", xlabel=label, ylabel="AUC, validation images")
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_formatter(ticker.NullFormatter())
        ax.xaxis.set_major_formatter("{x:g}")
        ax.grid(color=FAINT, linewidth=0.3)
        ax.legend().remove()
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig
