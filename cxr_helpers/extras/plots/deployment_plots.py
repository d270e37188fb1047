"""Exported networks: AUC against milliseconds and bytes."""

import pandas as pd
from matplotlib import ticker
from matplotlib.figure import Figure

from cxr_helpers.plots.style import FAINT, INK, TEXT_WIDTH, colour, styled
from cxr_helpers.plots.style import figure as empty_figure

_MARKS = {"keras": "o", "openvino": "s", "onnxruntime": "^", "litert": "D"}


@styled
def pareto(table: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw AUC against milliseconds an image and against megabytes, one mark an export; hollow marks are int8.

    Args:
        table: network, engine, precision, ms, bytes, value, ci_low, ci_high (the AUC).
        titles: engine -> its name.
    """
    fig = empty_figure(3.4, TEXT_WIDTH)
    for ax, (column, factor, label) in zip(
        fig.subplots(1, 2, sharey=True), (("ms", 1, "ms for one image"), ("bytes", 1e-6, "MB of the file")), strict=True
    ):
        for _, row in table.iterrows():
            shade = _shade(row.network)
            face = "none" if row.precision == "int8" else shade
            place = row[column] * factor
            ax.vlines(place, row.ci_low, row.ci_high, color=shade, linewidth=0.5, alpha=0.4)
            ax.plot(place, row.value, _MARKS[row.engine], color=shade, markerfacecolor=face, markersize=5)
        ax.set(xscale="log", xlabel=label)
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_formatter(ticker.NullFormatter())
        ax.xaxis.set_major_formatter("{x:g}")
        ax.grid(color=FAINT, linewidth=0.3)
    fig.axes[0].set_ylabel("AUC, validation images")
    names = list(dict.fromkeys(table.network))
    handles = [fig.axes[0].plot([], [], "o", color=_shade(name), label=name)[0] for name in names]
    handles += [
        fig.axes[0].plot([], [], _MARKS[name], color=INK, label=titles[name], linestyle="none")[0]
        for name in dict.fromkeys(table.engine)
    ]
    handles.append(fig.axes[0].plot([], [], "o", color=INK, markerfacecolor="none", label="int8")[0])
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


def _shade(network: str) -> str:
    return colour("ensemble" if network == "final model" else network)
