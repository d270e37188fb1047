"""Figures of images: grids of them, with what is predicted, and their flow through the study (after STARD 2015)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cxr_helpers.plots.style import INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

PARTS = {"train": "Training", "val": "Validation", "test": "Official test"}


@styled
def image_flow(images: pd.DataFrame, left_out: int, answered: pd.DataFrame | None = None) -> Figure:
    """Draw how many images were published, left out and used, by part and class, and the index test's results on test images.

    `images`: one row an image: patient_id, split, label and pathogen; `left_out` counts the files that could not be used;
    `answered`: the final model's `selection.answers`; without it the diagram ends with the classes.
    """
    lowest = -0.3 if answered is None else -1.75
    fig = empty_figure(0.82 * (3.85 - lowest), TEXT_WIDTH)
    ax = fig.subplots()
    _box(ax, 3, 3.4, f"Files in the published folders\n{len(images) + left_out:,}")
    _box(ax, 5, 2.75, f"Left out as unreadable\nor unfit: {left_out:,}")
    _box(ax, 3, 2.1, _counted("Images read", images))
    _arrow(ax, (3, 3.02), (3, 2.48))
    _arrow(ax, (3, 2.75), (4.1, 2.75))
    for place, (split, title) in enumerate(PARTS.items()):
        part = images[images.split == split]
        labels, pathogens = part.label.value_counts(), part.pathogen.value_counts()
        text = f"{_counted(title, part)}\nNORMAL {labels.get('NORMAL', 0):,}\nPNEUMONIA {labels.get('PNEUMONIA', 0):,}\n"
        text += f"(bacteria {pathogens.get('bacteria', 0):,}, virus {pathogens.get('virus', 0):,})"
        _box(ax, 1 + 2 * place, 0.4, text, tall=1.3)
        _arrow(ax, (3, 1.72), (1 + 2 * place, 1.06))
    for place, called, right, wrong in ((3, "PNEUMONIA", "TP", "FP"), (5, "NORMAL", "TN", "FN")) if answered is not None else ():
        labels = answered.label[answered.predicted == called].value_counts()
        names = {label: right if label == called else wrong for label in ("PNEUMONIA", "NORMAL")}
        counts = [f"label {label} {labels.get(label, 0):,} ({name})" for label, name in names.items()]
        _box(ax, place, -1.1, f"Called {called}\nby the final model: {labels.sum():,}\n" + "\n".join(counts), tall=1.1)
        _arrow(ax, (5, -0.25), (place, -0.55))
    ax.set(xlim=(0, 6), ylim=(lowest, 3.85))
    ax.set_axis_off()
    return fig


def _box(ax: Axes, x: float, y: float, text: str, wide: float = 1.8, tall: float = 0.74) -> None:
    """Draw a box about a centre."""
    style = "round,pad=0,rounding_size=0.06"
    ax.add_patch(FancyBboxPatch((x - wide / 2, y - tall / 2), wide, tall, boxstyle=style, facecolor="white", edgecolor=INK))
    ax.text(x, y, text, ha="center", va="center", fontsize=8)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1})


def _counted(title: str, images: pd.DataFrame) -> str:
    return f"{title}\n{len(images):,} images, {images.patient_id.nunique():,} patients"


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
