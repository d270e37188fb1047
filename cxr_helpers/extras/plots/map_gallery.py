"""Images under every explanation method, on one scale a method."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from cxr_helpers.explain import methods, overlay
from cxr_helpers.plots.style import TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

_SIDE = 0.59  # inches of a picture; an image and eleven methods fill a page


def picture(method: str, image: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Return an image (H, W) uint8 under a method's map (H, W) on the scale that ends at `limit`: uint8 RGB (H, W, 3)."""
    if methods.METHODS[method].signed:
        return overlay.signed(image, values, limit)
    return overlay.heat(image, np.clip(values / limit, 0, 1))


@styled
def by_method(images: np.ndarray, maps: Mapping[str, np.ndarray], limits: Mapping[str, float], titles: Sequence[str]) -> Figure:
    """Draw images side by side, a column each, and below each its map by every method.

    Args:
        images: (n, H, W) uint8.
        maps: method → (n, H, W).
        limits: method → the end of its scale, which stands beside the row where the method is signed.
        titles: n of them, above the columns.
    """
    rows = ["image", *maps]
    fig = empty_figure(_SIDE * len(rows) + 0.6, TEXT_WIDTH)
    panels = fig.subplots(len(rows), len(images), squeeze=False)
    for ax in panels.ravel():
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for column, title in enumerate(titles):
        panels[0, column].set_title(title, fontsize=7, loc="center")
        panels[0, column].imshow(images[column], cmap="gray", vmin=0, vmax=255)
        for row, (name, values) in enumerate(maps.items(), 1):
            panels[row, column].imshow(picture(name, images[column], values[column], limits[name]))
    for row, name in enumerate(rows):
        panels[row, 0].set_ylabel(_words(name, limits), rotation=0, ha="right", va="center", fontsize=7, labelpad=6)
    return fig


def _words(name: str, limits: Mapping[str, float]) -> str:
    if name not in methods.METHODS:
        return name
    method = methods.METHODS[name]
    return f"{method.title}\n±{limits[name]:.2g}" if method.signed else f"{method.title}\n0 to 1"
