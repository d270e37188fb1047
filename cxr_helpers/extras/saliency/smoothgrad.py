"""SmoothGrad: gradients averaged over noisy copies of a film (Smilkov et al. 2017), times the film."""

import keras
import numpy as np
from tqdm.auto import tqdm

from cxr_helpers.explain import targets
from cxr_helpers.extras.saliency.pixel_gradients import slopes

SAMPLES = 32
NOISE = 0.15  # standard deviation, of the film's range of grey values


def smoothgrad(model: keras.Model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return mean gradient × grey value, signed, in log-odds, float32 (N, H, W).

    `images`: grayscale raw pixels 0..255, (N, H, W). `target`: +1 or -1, one or one per film. All films meet the same
    seeded Gaussian noise; its values are not clipped, which would darken white bone. NaN gradients: CxrError.
    """
    network = targets.log_odds_model(model)
    films = targets.grayscale(model, images)
    sign = targets.signs(target, len(films))
    noise = NOISE * np.random.default_rng(0).standard_normal((SAMPLES, *films.shape[1:]), "float32")
    progress = tqdm(films, desc=f"SmoothGrad {model.name}", unit="film")
    means = [slopes(network, film + np.ptp(film) * noise).mean(axis=0) for film in progress]
    return sign[:, None, None] * np.stack(means) * films
