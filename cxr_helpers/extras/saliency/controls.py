"""Maps that know nothing of the model: what a method must beat before its maps say anything about the model.

Each control makes float32 maps (N, H, W) in [0, 1] of images (N, H, W) in 0..255, as an explanation method does.
"""

import cv2
import numpy as np

from cxr_helpers.errors import CxrError

WIDTH = 4  # the centre prior is a Gaussian with this fraction of the image's side as its deviation
SMOOTHING = 64  # edges are taken after a Gaussian blur with this fraction of the side
TITLES = {
    "random": "random map",
    "uniform": "uniform map (area share)",
    "centre": "centre prior",
    "edges": "edge detector",
}


def maps(name: str, images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the maps of a control, one of `TITLES`; another name is a CxrError. `seed`: of "random"."""
    if name not in TITLES:
        raise CxrError(f"Control {name!r} is unknown; choose one of {', '.join(TITLES)}.")
    if name == "random":
        return np.random.default_rng(seed).random(images.shape, dtype="float32")
    if name == "edges":
        return np.stack([_edges(np.asarray(image, "float32")) for image in images])
    one = np.ones(images.shape[1:]) if name == "uniform" else _centre(images.shape[1:])
    return np.broadcast_to(np.asarray(one, "float32"), images.shape).copy()


def _centre(shape: tuple[int, int]) -> np.ndarray:
    y, x = (np.linspace(-1, 1, side) * WIDTH / 2 for side in shape)
    return np.exp(-(y[:, None] ** 2 + x**2) / 2)


def _edges(image: np.ndarray) -> np.ndarray:
    """Return the size of the grey values' slope (Sobel), largest value 1."""
    smooth = cv2.GaussianBlur(image, (0, 0), max(0.5, image.shape[0] / SMOOTHING))
    slope = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return slope / max(slope.max(), np.finfo("float32").tiny)
