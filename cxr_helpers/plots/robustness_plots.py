"""Robustness: a metric against the severity of each corruption."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from cxr_helpers.data.corruptions import CORRUPTIONS
from cxr_helpers.plots.style import TEXT_WIDTH, looks, styled
from cxr_helpers.plots.style import figure as empty_figure

_COLUMNS = 4
_MARKERS = "osD^"


@styled
def against_severity(curves: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Draw a metric against severity, a panel per corruption, with 95 % bands; severity 0 is the image as it is.

    Args:
        curves: title → corruption, severity, value, ci_low, ci_high, as `cxr_helpers.tables.robustness_tables` gives them
            for one metric.
        label: of the metric.
    """
    rows = -(-len(CORRUPTIONS) // _COLUMNS)
    fig = empty_figure(1.95 * rows + 0.4, TEXT_WIDTH)
    panels = fig.subplots(rows, _COLUMNS, sharey=True).ravel()
    styles = looks(curves)
    for ax, (kind, corruption) in zip(panels, CORRUPTIONS.items(), strict=True):
        for marker, (name, curve) in zip(_MARKERS, curves.items(), strict=False):
            part = curve[curve.corruption == kind]
            ax.fill_between(part.severity, part.ci_low, part.ci_high, color=styles[name]["color"], alpha=0.15, linewidth=0)
            ax.plot(part.severity, part.value, marker=marker, markersize=3.5, label=name, **styles[name])
        ticks = ["as is", *(f"{level:g}" for level in corruption.levels)]
        ax.set(title=kind, xticks=range(len(ticks)), xticklabels=ticks)
        ax.set_xlabel(corruption.unit, fontsize=7)
        ax.tick_params(axis="x", labelsize=7)
        ax.grid(axis="y", color="#E6E6E6", linewidth=0.7)
        ax.set_axisbelow(True)
    for ax in panels[::_COLUMNS]:
        ax.set_ylabel(label)
    fig.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(2, len(curves)))
    return fig
