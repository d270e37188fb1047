"""SmoothGrad: gradients averaged over noisy copies of an image (Smilkov et al. 2017), times the image."""

import numpy as np

from cxr_helpers.extras.saliency import methods
from cxr_helpers.extras.saliency.pixel_gradients import slopes

SAMPLES = 32
NOISE = 0.15  # standard deviation, of the image's range of grey values


def smoothgrad(model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return mean gradient × grey value, signed, in log-odds, float32 (N, H, W), from what `methods.Method` takes.

    All images meet the same seeded Gaussian noise; its values are not clipped, which would darken white bone.
    """

    def explain(network, image: np.ndarray) -> np.ndarray:
        noise = NOISE * np.random.default_rng(0).standard_normal((SAMPLES, *image.shape), "float32")
        return slopes(network, image + np.ptp(image) * noise).mean(axis=0) * image

    return methods.by_image("SmoothGrad", explain, model, images, target)


METHOD = methods.Method(
    *("SmoothGrad × input", methods.GRADIENTS, True, smoothgrad),
    says="Gradient × input, with the gradient averaged over noisy copies of the image.",
)
