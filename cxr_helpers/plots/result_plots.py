"""Results: one metric of many experiments, or of all readings of a text."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cxr_helpers.evaluation import metrics
from cxr_helpers.plots.style import INK, TEXT_WIDTH, colour, styled, value_grid
from cxr_helpers.plots.style import figure as empty_figure
from cxr_helpers.tables import formatting

_REGIONS = {
    "whole": "whole image",
    "background": "all but the lungs",
    "lungs only": "lungs only",
    "mask shape": "outline of the lungs",
    "box": "box of the lungs",
}
_NETWORKS = {"mobilenetv2": "MobileNetV2, frozen", "vgg16": "VGG-16, frozen", "mobilenet": "MobileNet, fine-tuned"}
_SPLITS = {"val": "validation", "test": "test"}


@styled
def forest(table: pd.DataFrame, label: str, reference: float | None = None) -> Figure:
    """Draw one metric of many experiments with 95 % intervals, in the order of the table.

    `table`: as `metrics.compare` gives it, and perhaps `reported`: a figure of the source document, drawn as an open diamond
    where it is known. `label`: of the axis. `reference`: where a vertical line stands, as 0.5 for chance.
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
def specification_curve(table: pd.DataFrame, text: dict, metric: str, reported: float, interval: tuple[float, float]) -> Figure:
    """Draw a metric of all readings, from the smallest to the largest, over the options that each took.

    `table`: as `open_choices.load` returns it; `text`: what readings.toml says of the claim; `reported`: the text's figure, a
    line across, in a band that is its 95 % `interval`. Filled dots are of the images on which the text reports, and give the
    order; open ones of the others.
    """
    judged, shade = text["split"], colour(text["experiment"])
    rows = table.sort_values(f"{judged}_{metric}", ignore_index=True)
    choices = [*text["choices"], {"name": "stopping", **text["stopping"]}]
    options = [(choice["name"], label) for choice in choices for label in choice["options"]]
    fig = empty_figure(2.5 + 0.17 * len(options), TEXT_WIDTH)
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=[2.2, 0.17 * len(options)])
    for split, name in _SPLITS.items():
        if f"{split}_{metric}" in rows:
            fill = shade if split == judged else "white"
            above.plot(rows[f"{split}_{metric}"], "o", color=shade, markerfacecolor=fill, markersize=3, label=f"readings, {name}")
    above.axhline(reported, color=INK, linewidth=1, label=f"reported, {_SPLITS[judged]}")
    above.axhspan(*interval, color=INK, alpha=0.12, linewidth=0)
    above.set(ylabel=metrics.title(metric))
    value_grid(above, "y")
    fig.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    for place, (choice, label) in enumerate(options):
        taken = rows.index[rows[choice] == label]
        below.plot(taken, [place] * len(taken), "|", color=shade, markersize=5)
    below.set_yticks(range(len(options)), [f"{choice}: {label}" for choice, label in options])
    below.set(xticks=[], ylim=(len(options) - 0.5, -0.5), xlabel=f"{len(rows)} readings")
    below.tick_params(axis="y", length=0)
    return fig


@styled
def regions(areas: pd.DataFrame) -> Figure:
    """Draw the AUC of each region of the image with its interval; the band is what the width of the file alone reaches.

    `areas`: model, region, data (official test or folds by patient), value, ci_low, ci_high.
    """
    networks = {model: title for model, title in _NETWORKS.items() if model in set(areas.model)}
    fig = empty_figure(3.2)
    panels = fig.subplots(1, 2, sharex=True, sharey=True)
    for ax, data in zip(panels, ("official test", "folds by patient"), strict=True):
        size = areas[(areas.region == "image width") & (areas.data == data)].iloc[0]
        ax.axvspan(size.ci_low, size.ci_high, color=INK, alpha=0.12, linewidth=0, label="width of the file alone")
        for place, (model, title) in enumerate(networks.items()):
            own = areas[(areas.model == model) & (areas.data == data)].set_index("region").reindex(_REGIONS)
            rows = np.arange(len(_REGIONS)) + 0.22 * (place - (len(networks) - 1) / 2)
            known = own.value.notna().to_numpy()
            ax.hlines(rows[known], own.ci_low[known], own.ci_high[known], color=colour(title))
            ax.plot(own.value[known], rows[known], "o", markersize=4, color=colour(title), label=title)
        ax.set(title=data, xlabel="ROC AUC", yticks=range(len(_REGIONS)), yticklabels=_REGIONS.values())
        ax.set_ylim(len(_REGIONS) - 0.5, -0.5)
        value_grid(ax, "x")
    fig.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig
