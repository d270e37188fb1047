"""SHAP values of pixels: how each region moves the log-odds away from those of a blurred image (Lundberg and Lee 2017)."""

import cv2
import numpy as np

from cxr_helpers.base import lazy
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import gradcam
from cxr_helpers.extras.saliency import methods

shap = lazy.module("shap")

EVALUATIONS = 300  # forward passes an image
TOLERANCE = 1e-3  # of the log-odds involved, as float32 sums allow
BLUR = 4  # a region is hidden by the mean of a box with this fraction of the image's side


def blurred(image: np.ndarray) -> np.ndarray:
    """Return the image (H, W) under a box filter of a quarter of its side: what every method hides a region with."""
    return cv2.blur(image, (max(2, image.shape[1] // BLUR), max(2, image.shape[0] // BLUR)))


def partition(model, images: np.ndarray, target: int | np.ndarray, evaluations: int = EVALUATIONS) -> np.ndarray:
    """Return signed Owen values per pixel in log-odds, float32 (N, H, W), from SHAP's partition explainer.

    `images`, `target`: as `methods.Method` takes them. A map sums to target × (log-odds of the image - log-odds of its blurred
    copy); a map that does not is a CxrError.
    """

    def explain(network, image: np.ndarray) -> np.ndarray:
        # The masker gets the blurred image itself: SHAP's own blur cache recognises images by id() alone.
        masker = shap.maskers.Image(blurred(image)[..., None])
        explainer = shap.PartitionExplainer(lambda pixels: methods.log_odds(network, pixels[..., 0]), masker)
        result = explainer(image[None, ..., None], max_evals=evaluations, batch_size=gradcam.BATCH, silent=True)
        values = result.values[0, ..., 0]
        check_additive(values.sum(), *methods.log_odds(network, np.stack([blurred(image), image])))
        return values

    return methods.by_image("SHAP", explain, model, images, target)


def check_additive(total: float, base: float, full: float, sampling: float = 0.0) -> None:
    """Raise CxrError unless `total` is full - base, up to rounding and what `sampling` allows."""
    if not abs(total - (full - base)) <= TOLERANCE * (1 + abs(full) + abs(base)) + sampling:
        sums = f"{total:.4f} instead of {full - base:.4f}"
        raise CxrError(f"SHAP values sum to {sums}; check that the model gives the same image the same output.")


METHOD = methods.Method(
    *("SHAP (partition)", methods.HIDDEN_REGIONS, True, partition),
    says="What each region adds to the log-odds when it comes back into the blurred image, averaged over orders of coming back.",
)
