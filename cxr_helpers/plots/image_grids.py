"""Figures of images: grids, answers, preprocessing, heat maps."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from cxr_helpers.explain import overlay
from cxr_helpers.plots.style import INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure


@styled
def image_grid(images: np.ndarray, titles: Sequence[str], columns: int = 4) -> Figure:
    """Draw images in rows, each under its title.

    Args:
        images: (N, H, W) uint8 grey, or (N, H, W, 3) RGB.
        titles: N of them.
        columns: images per row.
    """
    return _grid(images, titles, columns)[0]


@styled
def classified_images(images: np.ndarray, answers: pd.DataFrame, columns: int = 4) -> Figure:
    """Draw images with true label, predicted label and confidence; a wrong answer has a thick frame and a cross.

    Args:
        images: (N, H, W) uint8, in the order of `answers`.
        answers: label, predicted ("NORMAL" or "PNEUMONIA"), confidence (of the predicted class, 0 to 1).
    """
    wrong = (answers.label != answers.predicted).to_numpy()
    titles = [answer_title(*row) for row in answers[["label", "predicted", "confidence"]].to_numpy()]
    fig, panels = _grid(images, titles, columns)
    for ax, failed in zip(panels, wrong, strict=False):
        if failed:
            ax.spines[:].set(visible=True, linewidth=2.5, color="black")
    return fig


def answer_title(label: str, predicted: str, confidence: float) -> str:
    """Return the two lines over an image: the true label, and what is predicted with which confidence."""
    mark = "✓" if label == predicted else "✗"
    return f"true {label}\n{mark} {predicted} {100 * confidence:.1f} %"


@styled
def heat_maps(images: np.ndarray, gradcam: np.ndarray, shap: np.ndarray, limit: float, titles: Sequence[str]) -> Figure:
    """Draw image, Grad-CAM and SHAP in a row each, on one colour scale per method.

    Args:
        images: (N, H, W) uint8.
        gradcam: (N, H, W) in [0, 1].
        shap: (N, H, W), signed log-odds per pixel, positive for PNEUMONIA.
        limit: end of the SHAP scale; values beyond it are clipped.
        titles: N of them, written beside the images.
    """
    side = min(1.6, 6.7 / len(images))  # inches; all rows fit on one page
    fig = empty_figure((len(images) + 0.1) * side + 0.9, 3 * side + 1.5)
    panels = fig.subplots(len(images) + 1, 3, height_ratios=[1] * len(images) + [0.06])
    for row, image, heat, values, title in zip(panels, images, gradcam, shap, titles, strict=False):
        pictures = (image, overlay.heat(image, heat), overlay.signed(image, values, limit))
        for ax, picture in zip(row, pictures, strict=True):
            _show(ax, picture)
        row[0].set_ylabel(title, rotation=0, ha="right", va="center", labelpad=6)
    for ax, title in zip(panels[0], ("image", "Grad-CAM", "SHAP"), strict=True):
        ax.set_title(title, loc="center")
    panels[-1, 0].set_axis_off()
    _scale(panels[-1, 1], overlay.HEAT, (0, 0.5, 1), "for the\npredicted class")
    _scale(panels[-1, 2], overlay.SIGNED, (-(limit or 1), 0, limit or 1), "log-odds per pixel,\n+ for PNEUMONIA")
    return fig


def _scale(ax: Axes, colours: str, ticks: tuple[float, float, float], label: str) -> None:
    """Turn an empty panel into a colour bar from the first to the last tick."""
    scale = ScalarMappable(Normalize(ticks[0], ticks[-1]), colours)
    bar = ax.figure.colorbar(scale, cax=ax, orientation="horizontal", ticks=ticks, format="%.2g")
    bar.set_label(label, fontsize=7)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)


def _grid(images: np.ndarray, titles: Sequence[str], columns: int) -> tuple[Figure, np.ndarray]:
    """Return a figure with square panels that fill the width, and the panels (N,) that hold an image."""
    rows, side = -(-len(images) // columns), min(TEXT_WIDTH / columns, 2)
    lines = 1 + max(title.count("\n") for title in titles)
    fig = empty_figure(rows * (side + 0.15 * lines) + 0.25, side * columns)
    panels = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax, image, title in zip(panels, images, titles, strict=False):
        _show(ax, image)
        ax.set_title(title, loc="center", fontsize=8)
    for ax in panels[len(images) :]:
        ax.set_axis_off()
    return fig, panels[: len(images)]


def _show(ax: Axes, picture: np.ndarray) -> None:
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=False, color=INK)
