"""SmoothGrad: gradients averaged over noisy copies of an image (Smilkov et al. 2017), times the image."""

import keras
import numpy as np
from tqdm.auto import tqdm

from cxr_helpers.explain import targets
from cxr_helpers.extras.saliency.pixel_gradients import slopes

SAMPLES = 32
NOISE = 0.15  # standard deviation, of the image's range of grey values


def smoothgrad(model: keras.Model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return mean gradient × grey value, signed, in log-odds, float32 (N, H, W).

    `images`: grayscale raw pixels 0..255, (N, H, W). `target`: +1 or -1, one or one per image. All images meet the same
    seeded Gaussian noise; its values are not clipped, which would darken white bone. NaN gradients: CxrError.
    """
    network = targets.log_odds_model(model)
    radiographs = targets.grayscale(model, images)
    sign = targets.signs(target, len(radiographs))
    noise = NOISE * np.random.default_rng(0).standard_normal((SAMPLES, *radiographs.shape[1:]), "float32")
    progress = tqdm(radiographs, desc=f"SmoothGrad {model.name}", unit="image")
    means = [slopes(network, image + np.ptp(image) * noise).mean(axis=0) for image in progress]
    return sign[:, None, None] * np.stack(means) * radiographs
