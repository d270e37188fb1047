"""Results: confusion matrices and forest plots."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cxr_helpers.evaluation import metrics
from cxr_helpers.plots.style import INK, TEXT_WIDTH, colour, interval, styled
from cxr_helpers.plots.style import figure as empty_figure

_CLASSES = ("NORMAL", "PNEUMONIA")


@styled
def confusion_matrices(panels: Mapping[str, tuple[pd.DataFrame, float]]) -> Figure:
    """Draw confusion matrices: counts, and the share of each true class in per cent.

    Args:
        panels: title -> (scores of one run on one split, threshold).
    """
    fig = empty_figure(2.7, min(TEXT_WIDTH, 2.6 * len(panels)))
    for ax, (title, (scores, threshold)) in zip(
        fig.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        counts = metrics.confusion(scores, threshold)
        table = np.array([[counts["tn"], counts["fp"]], [counts["fn"], counts["tp"]]])
        shares = table / table.sum(axis=1, keepdims=True)
        ax.imshow(shares, cmap="Greys", vmin=0, vmax=1.25)
        for (row, column), count in np.ndenumerate(table):
            ink = "white" if shares[row, column] > 0.6 else "black"
            ax.text(column, row - 0.08, f"{count:,}", color=ink, ha="center", va="center", fontsize=13)
            ax.text(
                column, row + 0.2, f"{100 * shares[row, column]:.1f} %", color=ink, ha="center", va="center", fontsize=8
            )
        ax.set(title=title, xlabel="predicted", xticks=(0, 1), xticklabels=_CLASSES, yticks=(0, 1), yticklabels=())
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    fig.axes[0].set_ylabel("reference standard")
    fig.axes[0].set_yticks((0, 1), _CLASSES, rotation=90, va="center")
    return fig


@styled
def forest(table: pd.DataFrame, label: str, reference: float | None = None) -> Figure:
    """Draw one metric of many systems with 95 % intervals, in the order of the table.

    Args:
        table: index system; columns value, ci_low, ci_high, as `metrics.compare` gives them, and perhaps `reported`: a
            figure of the source document, drawn as an open diamond where it is known.
        label: of the axis, as "ROC AUC, official test".
        reference: where a vertical line stands, as 0.5 for chance.
    """
    fig = empty_figure(0.75 + 0.27 * len(table), TEXT_WIDTH)
    ax = fig.subplots()
    if reference is not None:
        ax.axvline(reference, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for place, (name, row) in enumerate(table.iterrows()):
        ax.plot([row.ci_low, row.ci_high], [place, place], color=colour(name), linewidth=2.2, solid_capstyle="butt")
        ax.plot(row.value, place, "o", color=colour(name), markersize=4)
        text = interval(row.value, row.ci_low, row.ci_high)
        ax.annotate(text, (1, place), (6, 0), ("axes fraction", "data"), "offset points", va="center")
    if "reported" in table:
        places = np.arange(len(table))
        ax.plot(
            table.reported, places, "D", color=INK, markerfacecolor="none", markersize=5.5, label="reported in the text"
        )
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1))
    ax.set(xlabel=label, yticks=range(len(table)), yticklabels=table.index, ylim=(len(table) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#E6E6E6", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)
    return fig
