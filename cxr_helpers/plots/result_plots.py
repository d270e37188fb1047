"""Results: one metric of many experiments, or of all readings of a text; and images, with what is predicted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cxr_helpers.evaluation import metrics
from cxr_helpers.plots.style import INK, TEXT_WIDTH, colour, styled, value_grid
from cxr_helpers.plots.style import figure as empty_figure
from cxr_helpers.tables import formatting

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
def image_grid(images: Sequence[np.ndarray], titles: Sequence[str], columns: int = 4) -> Figure:
    """Draw images, (H, W) uint8 grey or (H, W, 3) RGB, so many columns a row, each under its title.

    The first one's shape gives the panels theirs.
    """
    rows, shape = -(-len(images) // columns), images[0].shape
    height = min(TEXT_WIDTH / columns * shape[0] / shape[1], 2)
    lines = 1 + max(title.count("\n") for title in titles)
    fig = empty_figure(rows * (height + 0.15 * lines) + 0.25, columns * height * shape[1] / shape[0])
    panels = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax in panels:
        ax.set_axis_off()
    for ax, image, title in zip(panels, images, titles, strict=False):
        ax.set_axis_on()
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(title, loc="center", fontsize=8)
    return fig


def classified_images(images: np.ndarray, answers: pd.DataFrame, columns: int = 4) -> Figure:
    """Draw images with true label, predicted label and confidence; a wrong answer has a thick frame and a cross.

    `images`: (N, H, W) uint8, in the order of `answers`, which has label, predicted and confidence (0 to 1).
    """
    wrong = (answers.label != answers.predicted).to_numpy()
    rows = zip(answers.label, wrong, answers.predicted, answers.confidence, strict=True)
    titles = [f"true {label}\n{'✗' if failed else '✓'} {called} {100 * sure:.1f} %" for label, failed, called, sure in rows]
    fig = image_grid(images, titles, columns)
    for place in np.flatnonzero(wrong):
        fig.axes[place].spines[:].set(visible=True, linewidth=2.5, color="black")
    return fig
