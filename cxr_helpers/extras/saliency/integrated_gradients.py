"""Integrated Gradients: what each pixel adds on the straight way from a black image (Sundararajan, Taly and Yan 2017)."""

import numpy as np

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.saliency import methods
from cxr_helpers.extras.saliency.pixel_gradients import BATCH, slopes

LEAST, MOST = 64, 1024  # steps of the way
TOLERANCE = 0.05  # of what a map must sum to: the gap that the authors allow
FLOOR = 1.0  # log-odds; a map that must sum to less may miss it by as much as one that must sum to this


def integrated_gradients(model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return signed values per pixel in log-odds, float32 (N, H, W), that sum to what the image has over a black one.

    Takes what `methods.Method` takes. The baseline is black because an image's collimated border is: a black pixel gets no
    value. NaN gradients, or an image whose map is not complete after `MOST` steps: CxrError.
    """
    return methods.by_image("Integrated Gradients", _complete, model, images, target)


def _complete(network, image: np.ndarray) -> np.ndarray:
    """Return the values (H, W) of one image by the trapezoidal rule; steps are halved until the map is complete."""
    black, full = methods.log_odds(network, np.stack([np.zeros_like(image), image]))
    steps, inner = LEAST, np.arange(1, LEAST) / LEAST
    total = _summed(network, image, inner) + _summed(network, image, np.array([0, 1])) / 2
    while True:
        values = image * total / steps
        gap = abs(values.sum(dtype="float64") - (full - black))
        if gap <= TOLERANCE * max(FLOOR, abs(full - black)):
            return values
        if steps == MOST:
            break
        total = total + _summed(network, image, (np.arange(steps) + 0.5) / steps)
        steps *= 2
    raise CxrError(f"Integrated Gradients miss the log-odds by {gap:.3f} after {MOST} steps; take occlusion or SHAP instead.")


def _summed(network, image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the sum (H, W) of the gradients at places (0 to 1) on the way from black to the image."""
    ways = np.array_split(places.astype("float32")[:, None, None], -(-len(places) // BATCH))
    return np.sum([slopes(network, way * image).sum(axis=0) for way in ways], axis=0)


METHOD = methods.Method(
    *("Integrated Gradients", methods.GRADIENTS, True, integrated_gradients),
    says="What each pixel adds to the log-odds on the straight way from a black image to this one.",
)
