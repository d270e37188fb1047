"""Results: confusion matrices, one metric of many experiments, and a metric against the severity of corruptions."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from cxr_helpers.data.corruptions import CORRUPTIONS
from cxr_helpers.evaluation import metrics
from cxr_helpers.plots.style import INK, TEXT_WIDTH, colour, looks, styled, value_grid
from cxr_helpers.plots.style import figure as empty_figure
from cxr_helpers.tables import formatting
from cxr_helpers.tables.selection import CLASSES

_COLUMNS = 4  # corruptions side by side
_MARKERS = "osD^"


@styled
def confusion_matrices(panels: Mapping[str, tuple[pd.DataFrame, float]]) -> Figure:
    """Draw confusion matrices, counts and per cent of the true class: title -> (scores of one run on one split, threshold)."""
    fig = empty_figure(2.7, min(TEXT_WIDTH, 2.6 * len(panels)))
    axes = fig.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, (scores, threshold)) in zip(axes, panels.items(), strict=True):
        table = metrics.confusion(scores, threshold)
        shares = table / table.sum(axis=1, keepdims=True)
        texts = [f"{count:,}\n{100 * share:.1f} %" for count, share in zip(table.flat, shares.flat, strict=True)]
        look = {"cmap": "Greys", "vmin": 0, "vmax": 1.25, "cbar": False, "annot_kws": {"fontsize": 11}}
        sns.heatmap(shares, annot=np.reshape(texts, (2, 2)), fmt="", **look, xticklabels=CLASSES, yticklabels=CLASSES, ax=ax)
        ax.set(title=title, xlabel="predicted")
        ax.tick_params(length=0)
    axes[0].set_ylabel("reference standard")
    return fig


@styled
def forest(table: pd.DataFrame, label: str, reference: float | None = None) -> Figure:
    """Draw one metric of many experiments with 95 % intervals, in the order of the table.

    Args:
        table: index name; columns value, ci_low, ci_high, as `metrics.compare` gives them, and perhaps `reported`: a figure of
            the source document, drawn as an open diamond where it is known.
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
        text = formatting.estimate(row.value, row.ci_low, row.ci_high)
        ax.annotate(text, (1, place), (6, 0), ("axes fraction", "data"), "offset points", va="center")
    if "reported" in table:
        look = {"color": INK, "markerfacecolor": "none", "markersize": 5.5}
        ax.plot(table.reported, np.arange(len(table)), "D", label="reported in the text", **look)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1))
    ax.set(xlabel=label, yticks=range(len(table)), yticklabels=table.index, ylim=(len(table) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    value_grid(ax, "x")
    return fig


@styled
def against_severity(curves: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Draw a metric against severity, a panel per corruption, with 95 % bands; severity 0 is the image as it is.

    Args:
        curves: title → corruption, severity, value, ci_low, ci_high, as `robustness_tables` gives them for one metric.
        label: of the metric.
    """
    rows = -(-len(CORRUPTIONS) // _COLUMNS)
    fig = empty_figure(1.95 * rows + 0.4, TEXT_WIDTH)
    panels = fig.subplots(rows, _COLUMNS, sharey=True).ravel()
    styles = looks(curves)
    for ax, (kind, corruption) in zip(panels, CORRUPTIONS.items(), strict=True):
        for marker, (name, curve) in zip(_MARKERS, curves.items(), strict=False):
            part = curve[curve.corruption == kind]
            ax.fill_between(part.severity, part.ci_low, part.ci_high, color=colour(name), alpha=0.15, linewidth=0)
            ax.plot(part.severity, part.value, marker=marker, markersize=3.5, label=name, **styles[name])
        ticks = ["as is", *(f"{level:g}" for level in corruption.levels)]
        ax.set(title=kind, xticks=range(len(ticks)), xticklabels=ticks)
        ax.set_xlabel(corruption.unit, fontsize=7)
        ax.tick_params(axis="x", labelsize=7)
        value_grid(ax, "y")
    for ax in panels[::_COLUMNS]:
        ax.set_ylabel(label)
    fig.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(2, len(curves)))
    return fig
