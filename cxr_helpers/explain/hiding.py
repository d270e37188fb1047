"""What a region of an image is hidden by, the same for all methods that hide regions: its blurred copy."""

import cv2
import numpy as np

BLUR = 4  # a region is hidden by the mean of a box with this fraction of the image's side


def blurred(image: np.ndarray) -> np.ndarray:
    """Return the image (H, W) under a box filter of a quarter of its side: what a hidden region is replaced by."""
    return cv2.blur(image, (max(2, image.shape[1] // BLUR), max(2, image.shape[0] // BLUR)))
