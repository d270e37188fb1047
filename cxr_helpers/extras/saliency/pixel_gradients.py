"""Gradients of the log-odds by grey value, and the simplest map of them: gradient × input (Shrikumar et al. 2016)."""

import keras
import numpy as np

from cxr_helpers.explain import targets
from cxr_helpers.explain.gradients import gradient

BATCH = 16  # images whose activations are held at once


def gradient_input(model: keras.Model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return gradient × grey value, signed, in log-odds, float32 (N, H, W).

    `images`: grayscale raw pixels 0..255, (N, H, W). `target`: +1 or -1, one or one per image. The image is measured
    from black, since black is its value 0. NaN gradients: CxrError.
    """
    network = targets.log_odds_model(model)
    radiographs = targets.grayscale(model, images)
    sign = targets.signs(target, len(radiographs))
    return sign[:, None, None] * slopes(network, radiographs) * radiographs


def slopes(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the gradient of a `log_odds_model` by grey value, float32 (N, H, W), of images (N, H, W) of any range.

    A grey value fills all channels of the input, so that its gradient is the sum over them.
    """
    channels = network.input_shape[-1]

    def _log_odds(pixels):
        return network(keras.ops.repeat(pixels[..., None], channels, axis=-1), training=False)[:, 0]

    return np.concatenate([gradient(_log_odds, images[start : start + BATCH]) for start in range(0, len(images), BATCH)])
