"""Pictures of maps by any method, each method on its own scale."""

import base64
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure

from cxr_helpers.explain import methods, overlay
from cxr_helpers.plots.style import TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

CLIPPED = 99  # percentile of |value| at the end of a signed method's scale
_SIDE = 0.59  # inches of a picture; an image and eleven methods fill a page


def limit(method: str, maps: np.ndarray) -> float:
    """Return the end of a method's scale for maps: 1, or of a signed one the percentile `CLIPPED` of |value|."""
    if not methods.METHODS[method].signed:
        return 1.0
    return float(np.percentile(np.abs(maps), CLIPPED)) or float(np.abs(maps).max()) or 1.0


def picture(method: str, image: np.ndarray, values: np.ndarray, end: float) -> np.ndarray:
    """Return an image (H, W) uint8 under a method's map (any size) on the scale that ends at `end`: uint8 RGB (H, W, 3)."""
    large = cv2.resize(values, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    if methods.METHODS[method].signed:
        return overlay.signed(image, large, end)
    return overlay.heat(image, np.clip(large / end, 0, 1))


def embedded(pixels: np.ndarray, kind: str = "png", *options: int) -> str:
    """Return a picture, uint8 grey (H, W) or RGB (H, W, 3), as a data URI; `kind`: "png" or "jpeg", `options`: OpenCV's."""
    data = cv2.imencode(f".{kind}", pixels[..., ::-1] if pixels.ndim == 3 else pixels, options)[1]
    return f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode()}"


@styled
def by_method(images: np.ndarray, maps: Mapping[str, np.ndarray], limits: Mapping[str, float], titles: Sequence[str]) -> Figure:
    """Draw images side by side, a column each, and below each its map by every method.

    Args:
        images: (n, H, W) uint8.
        maps: method → (n, H, W).
        limits: method → the end of its scale, which stands beside the row where the method is signed.
        titles: n of them, above the columns.
    """
    fig = empty_figure(_SIDE * (1 + len(maps)) + 0.6, TEXT_WIDTH)
    panels = fig.subplots(1 + len(maps), len(images), squeeze=False)
    for ax in panels.ravel():
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for column, title in enumerate(titles):
        panels[0, column].set_title(title, fontsize=7, loc="center")
        panels[0, column].imshow(images[column], cmap="gray", vmin=0, vmax=255)
        for row, (name, values) in enumerate(maps.items(), 1):
            panels[row, column].imshow(picture(name, images[column], values[column], limits[name]))
    scales = {name: f"±{limits[name]:.2g}" if methods.METHODS[name].signed else "0 to 1" for name in maps}
    words = ["image", *(f"{methods.METHODS[name].title}\n{scale}" for name, scale in scales.items())]
    for ax, label in zip(panels[:, 0], words, strict=True):
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7, labelpad=6)
    return fig
