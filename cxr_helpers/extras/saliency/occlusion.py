"""Occlusion: how much the log-odds fall when a square of the image is hidden (Zeiler and Fergus 2014)."""

import numpy as np

from cxr_helpers.explain import gradcam
from cxr_helpers.extras.saliency import methods, shap_maps

SQUARES = 7  # that lie beside each other in a row; squares overlap by half


def occlusion(model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return the fall of the log-odds, signed, float32 (N, H, W): at each pixel the mean over the squares that cover it.

    Takes what `methods.Method` takes. A hidden square shows the blurred image. NaN log-odds: CxrError.
    """

    def explain(network, image: np.ndarray) -> np.ndarray:
        hidden = squares(image.shape)
        falls = methods.log_odds(network, image[None])[0] - hidden_log_odds(network, image, hidden)
        return np.tensordot(falls, hidden, axes=1) / hidden.sum(axis=0)

    return methods.by_image("Occlusion", explain, model, images, target)


def hidden_log_odds(network, image: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return the log-odds, float64 (K,), of an image (H, W) with K choices of pixels, bool (K, H, W), hidden."""
    cover, size = shap_maps.blurred(image), gradcam.BATCH
    parts = [hidden[start : start + size] for start in range(0, len(hidden), size)]
    return np.concatenate([methods.log_odds(network, np.where(part, cover, image)) for part in parts])


def squares(shape: tuple[int, int]) -> np.ndarray:
    """Return all squares, bool (K, H, W), of an image of `shape` (H, W); together they cover every pixel."""
    (height, tops), (width, lefts) = (_places(length) for length in shape)
    corners = [(top, left) for top in tops for left in lefts]
    masks = np.zeros((len(corners), *shape), bool)
    for mask, (top, left) in zip(masks, corners, strict=True):
        mask[top : top + height, left : left + width] = True
    return masks


def _places(length: int) -> tuple[int, list[int]]:
    """Return a square's side and where squares begin along an edge of `length` pixels, the last one at its end."""
    side = max(1, length // SQUARES)
    return side, sorted({*range(0, length - side, max(1, side // 2)), length - side})


METHOD = methods.Method(
    *("Occlusion", methods.HIDDEN_REGIONS, True, occlusion),
    says="By how much the log-odds fall when a square around each pixel is blurred away.",
)
