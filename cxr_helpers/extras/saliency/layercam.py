"""LayerCAM: feature maps times their positive gradients place by place (Jiang et al. 2021)."""

import numpy as np

from cxr_helpers.explain import gradcam
from cxr_helpers.extras.saliency import methods


def layercam(model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return the sum of the feature maps, each times its positive gradient at the place; takes what `gradcam` does."""

    def weigh(activations: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        return (activations * np.maximum(slopes, 0)).sum(axis=-1)

    return gradcam.weighted(weigh, model, images, target)


METHOD = methods.Method(*("LayerCAM", methods.FEATURE_MAPS, False, layercam), says="As HiResCAM, with positive gradients only.")
