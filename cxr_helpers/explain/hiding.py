"""What a region of an image is hidden by, the same for all methods that hide regions: its blurred copy."""

import cv2
import keras
import numpy as np

from cxr_helpers.explain import targets

BLUR = 4  # a region is hidden by the mean of a box with this fraction of the image's side


def blurred(image: np.ndarray) -> np.ndarray:
    """Return the image (H, W) under a box filter of a quarter of its side: what a hidden region is replaced by."""
    return cv2.blur(image, (max(2, image.shape[1] // BLUR), max(2, image.shape[0] // BLUR)))


def log_odds(network: keras.Model, image: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return the log-odds, float64 (K,), of an image (H, W) with K choices of pixels hidden.

    `network`: a `log_odds_model`. `hidden`: bool (K, H, W). NaN or infinity is a CxrError.
    """
    cover, size = blurred(image), targets.BATCH
    parts = [hidden[start : start + size] for start in range(0, len(hidden), size)]
    return np.concatenate([targets.log_odds(network, np.where(part, cover, image)) for part in parts])
