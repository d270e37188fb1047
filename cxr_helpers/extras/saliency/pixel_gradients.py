"""Gradients of the log-odds by grey value, and the simplest map of them: gradient × input (Shrikumar et al. 2016)."""

import numpy as np

from cxr_helpers.base import lazy
from cxr_helpers.explain.gradcam import gradient
from cxr_helpers.extras.saliency import methods

keras = lazy.module("keras")

BATCH = 16  # images whose activations are held at once


def gradient_input(model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return gradient × grey value, signed, in log-odds, float32 (N, H, W), from what `methods.Method` takes.

    The image is measured from black, since black is its value 0. NaN gradients: CxrError.
    """

    def explain(network, image: np.ndarray) -> np.ndarray:
        return slopes(network, image[None])[0] * image

    return methods.by_image("Gradient × input", explain, model, images, target)


def slopes(network, images: np.ndarray) -> np.ndarray:
    """Return the gradient of a `log_odds_model` by grey value, float32 (N, H, W), of images (N, H, W) of any range.

    A grey value fills all channels of the input, so that its gradient is the sum over them.
    """
    channels = network.input_shape[-1]

    def log_odds(pixels):
        return network(keras.ops.repeat(pixels[..., None], channels, axis=-1), training=False)[:, 0]

    return np.concatenate([gradient(log_odds, images[start : start + BATCH]) for start in range(0, len(images), BATCH)])


METHOD = methods.Method(
    *("Gradient × input", methods.GRADIENTS, True, gradient_input),
    says="How the log-odds would change with each pixel, times the pixel's grey value.",
)
