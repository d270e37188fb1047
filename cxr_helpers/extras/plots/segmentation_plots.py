"""Figures of the segmenter: outlines on images, overlap with the truth, agreement of the cardiothoracic ratio."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cxr_helpers.evaluation import bootstrap
from cxr_helpers.extras.statistics import agreement
from cxr_helpers.plots.style import FAINT, INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

# Light on a grey image, and distinguished by the line too.
_LOOKS = {"lungs": {"color": "#F0E442", "linestyle": "-"}, "heart": {"color": "#E8743B", "linestyle": (0, (3, 1))}}
_Outlines = Mapping[str, Sequence[np.ndarray]]


@styled
def outlined_images(
    images: Sequence[np.ndarray], outlines: Sequence[_Outlines], titles: Sequence[str], columns: int = 4
) -> Figure:
    """Draw images with the outlines of lungs and heart.

    Args:
        images: N of them, (H, W) uint8.
        outlines: per image, structure → closed curves (M, 2), x and y as shares of width and height.
        titles: N of them.
        columns: images per row.
    """
    rows, side = -(-len(images) // columns), TEXT_WIDTH / columns
    fig = empty_figure(rows * (side + 0.15 * (1 + max(title.count("\n") for title in titles))) + 0.35)
    panels = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax, image, curves, title in zip(panels, images, outlines, titles, strict=False):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(0, 1, 1, 0), aspect=image.shape[0] / image.shape[1])
        for structure, parts in curves.items():
            for part in parts:
                ax.plot(*np.vstack([part, part[:1]]).T, linewidth=1.1, **_LOOKS[structure])
        ax.set_title(title, loc="center", fontsize=8)
    for ax in panels:
        ax.set_axis_off()
    lines = [Line2D([], [], **look) for look in _LOOKS.values()]
    fig.legend(lines, _LOOKS, loc="outside lower center", ncols=2, frameon=True, facecolor="#444444", labelcolor="white")
    return fig


@styled
def overlap(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw the Dice coefficient of every image, by set and structure, with the mean and its 95 % interval over patients.

    An open circle marks the mean of the shortcut baseline.

    Args:
        table: set, structure, patient_id, dice, null_dice; one row an image and structure.
        titles: set → what stands beside its rows, in their order.
    """
    rows = [
        (f"{title}: {structure}", part)
        for name, title in titles.items()
        for structure, part in table[table.set == name].groupby("structure", sort=False)
    ]
    fig = empty_figure(0.7 + 0.42 * len(rows))
    ax = fig.subplots()
    rng = np.random.default_rng(0)  # spreads the points, so that they do not hide each other
    for place, (_, part) in enumerate(rows):
        ax.plot(part.dice, place + rng.uniform(-0.22, 0.22, len(part)), "o", color=FAINT, markersize=2.2, rasterized=True)
        mean = bootstrap.mean_interval(part.dice.to_numpy(), part.patient_id.to_numpy())
        ax.plot([mean.ci_low, mean.ci_high], [place, place], color=INK, linewidth=2.2, solid_capstyle="butt")
        ax.plot(mean.value, place, "D", color=INK, markersize=4, label="mean, 95 % interval")
        ax.plot(part.null_dice.mean(), place, "o", color=INK, markerfacecolor="white", markersize=5, label="one fixed outline")
    ax.set(xlabel="Dice coefficient", xlim=(-0.02, 1.02), ylim=(len(rows) - 0.5, -0.5))
    ax.set_yticks(range(len(rows)), [title for title, _ in rows])
    fig.legend(*(part[:2] for part in ax.get_legend_handles_labels()), loc="outside upper right", ncols=2)
    return fig


@styled
def bland_altman(panels: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Draw the difference of two measurements against their mean, with bias, limits of agreement and their intervals.

    Args:
        panels: title → predicted, truth; one row an image.
        label: of what is measured.
    """
    fig = empty_figure(2.7, min(TEXT_WIDTH, 3.2 * len(panels)))
    for ax, (title, table) in zip(fig.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels.items(), strict=True):
        images = table.dropna()
        ax.plot((images.predicted + images.truth) / 2, images.predicted - images.truth, "o", color=FAINT, markersize=3, zorder=1)
        found = agreement.bland_altman(images.predicted, images.truth)
        _level(ax, found.bias, found.bias_margin, "-")
        for limit in (found.low, found.high):
            _level(ax, limit, found.limit_margin, (0, (4, 3)))
        ax.set(title=title, xlabel=f"{label}, mean of both")
    fig.axes[0].set_ylabel("predicted − true")
    return fig


def _level(ax: Axes, value: float, margin: float, line) -> None:
    """Draw a level with its value and its interval as a band."""
    ax.axhspan(value - margin, value + margin, color=INK, alpha=0.15, linewidth=0)
    ax.axhline(value, color=INK, linestyle=line, linewidth=1)
    ax.annotate(f"{value:+.3f}", (1, value), (2, 2), ("axes fraction", "data"), "offset points", ha="right", fontsize=7.5)
