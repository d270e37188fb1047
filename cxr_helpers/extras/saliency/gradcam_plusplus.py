"""Grad-CAM++: feature maps weighted by their positive gradients (Chattopadhay et al. 2018)."""

import numpy as np

from cxr_helpers.explain import gradcam
from cxr_helpers.extras.saliency import methods


def gradcam_plusplus(model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return the sum of the feature maps, each times its weighted positive gradients; takes and returns what `gradcam` does.

    The score is the exponential of the log-odds, as in the paper, whose higher derivatives are powers of the first.
    """
    return gradcam.weighted(weigh, model, images, target)


def weigh(activations: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Return the coarse map: weights sum(alpha × positive gradient), alpha = 1 / (2 + sum(activations) × gradient).

    Where the gradient is not positive, alpha does not count; where a layer's negative activations make its denominator
    vanish or negative, which the paper does not foresee, it is 0.
    """
    below = 2 + activations.sum(axis=(1, 2), keepdims=True) * slopes
    alpha = np.divide(1, below, out=np.zeros_like(slopes), where=below > 0)
    return np.einsum("nhwc,nc->nhw", activations, (alpha * np.maximum(slopes, 0)).sum(axis=(1, 2)))


METHOD = methods.Method(
    *("Grad-CAM++", methods.FEATURE_MAPS, False, gradcam_plusplus),
    says="As Grad-CAM, with each map weighted by its positive gradients only, so that small places count as much as large ones.",
)
