"""Occlusion: how much the log-odds fall when a square of the image is hidden (Zeiler and Fergus 2014)."""

import keras
import numpy as np
from tqdm.auto import tqdm

from cxr_helpers.explain import hiding, targets

SQUARES = 7  # that lie beside each other in a row; squares overlap by half


def occlusion(model: keras.Model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return the fall of the log-odds, signed, float32 (N, H, W): at each pixel the mean over the squares that cover it.

    `images`: grayscale raw pixels 0..255, (N, H, W). `target`: +1 or -1, one or one per image. A hidden square shows the
    blurred image. NaN log-odds: CxrError.
    """
    network = targets.log_odds_model(model)
    radiographs = targets.grayscale(model, images)
    sign = targets.signs(target, len(radiographs))
    hidden = squares(radiographs.shape[1:])
    progress = tqdm(radiographs, desc=f"Occlusion {model.name}", unit="image")
    return sign[:, None, None] * np.stack([_falls(network, image, hidden) for image in progress])


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


def _falls(network: keras.Model, image: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    whole = targets.log_odds(network, image[None])[0]
    falls = whole - hiding.log_odds(network, image, hidden)
    return (np.tensordot(falls, hidden, axes=1) / hidden.sum(axis=0)).astype("float32")
