"""Pictures of maps by any method, each method on its own scale."""

import base64

import cv2
import numpy as np

from cxr_helpers.explain import methods, overlay

CLIPPED = 99  # percentile of |value| at the end of a signed method's scale
_SIDE = 0.59  # inches of a picture; an image and eleven methods fill a page


def limit(method: str, maps: np.ndarray) -> float:
    """Return the end of a method's scale for maps: 1, or of a signed one the percentile `CLIPPED` of |value|."""
    if not methods.every()[method].signed:
        return 1.0
    return float(np.percentile(np.abs(maps), CLIPPED)) or float(np.abs(maps).max()) or 1.0


def picture(method: str, image: np.ndarray, values: np.ndarray, end: float) -> np.ndarray:
    """Return an image (H, W) uint8 under a method's map (any size) on the scale that ends at `end`: uint8 RGB (H, W, 3)."""
    large = cv2.resize(values, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    if methods.every()[method].signed:
        return overlay.signed(image, large, end)
    return overlay.heat(image, np.clip(large / end, 0, 1))


def embedded(pixels: np.ndarray, kind: str = "png", *options: int) -> str:
    """Return a picture, uint8 grey (H, W) or RGB (H, W, 3), as a data URI; `kind`: "png" or "jpeg", `options`: OpenCV's."""
    data = cv2.imencode(f".{kind}", pixels[..., ::-1] if pixels.ndim == 3 else pixels, options)[1]
    return f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode()}"
