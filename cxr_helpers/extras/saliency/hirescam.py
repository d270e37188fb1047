"""HiResCAM: feature maps times their gradients place by place (Draelos and Carin 2020)."""

import numpy as np

from cxr_helpers.explain import gradcam
from cxr_helpers.extras.saliency import methods


def hirescam(model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return the sum of the feature maps, each times its gradient at the place; takes and returns what `gradcam` does."""
    return gradcam.weighted(lambda activations, slopes: (activations * slopes).sum(axis=-1), model, images, target)


METHOD = methods.Method(
    *("HiResCAM", methods.FEATURE_MAPS, False, hirescam),
    says="As Grad-CAM, with the gradient taken place by place instead of its mean.",
)
