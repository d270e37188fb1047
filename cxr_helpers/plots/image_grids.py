"""Figures of images: grids, with what is predicted of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cxr_helpers.plots.style import TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure


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
