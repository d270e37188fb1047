"""SHAP values of pixels: how each region moves the log-odds away from those of a blurred film (Lundberg and Lee, 2017)."""

import cv2
import keras
import numpy as np
import shap
from tqdm.auto import tqdm

from cxr_helpers.errors import CxrError
from cxr_helpers.explain import targets

EVALUATIONS = 300  # forward passes a film (partition)
SAMPLES = 100  # gradients a film (gradient)
BLUR = 4  # a region is hidden by the mean of a box with this fraction of the film's side
BATCH = 32
TOLERANCE = 1e-3  # of the log-odds involved, as float32 sums allow


def partition(
    model: keras.Model, images: np.ndarray, target: int | np.ndarray, evaluations: int = EVALUATIONS
) -> np.ndarray:
    """Return signed Owen values per pixel in log-odds, float32 (N, H, W), from SHAP's partition explainer.

    `images`: grayscale raw pixels 0..255, (N, H, W). `target`: +1 or -1, one or one per film. A map sums to
    target × (log-odds of the film - log-odds of its blurred copy); a map that does not is a CxrError.
    """
    network = targets.log_odds_model(model)
    films = _grayscale(images)
    sign = targets.signs(target, len(films))

    def score(pixels: np.ndarray) -> np.ndarray:
        return network.predict_on_batch(targets.batch(network, pixels[..., 0]))[:, 0]

    progress = tqdm(films, desc=f"SHAP {model.name}", unit="film")
    return sign[:, None, None] * np.stack([_owen(score, film, evaluations) for film in progress])


def gradients(model: keras.Model, images: np.ndarray, target: int | np.ndarray, samples: int = SAMPLES) -> np.ndarray:
    """Return signed expected gradients × (film - blurred film), float32 (N, H, W), from SHAP's gradient explainer.

    Takes what `partition` takes; the background is the blurred copies of all films. The values are a seeded sample
    of an expectation, so their sum only approximates the difference of the log-odds. TensorFlow only.
    """
    if keras.backend.backend() != "tensorflow":
        raise CxrError("SHAP's gradient explainer needs KERAS_BACKEND=tensorflow; set it, or use the partition explainer.")
    network = targets.log_odds_model(model)
    films = _grayscale(images)
    sign = targets.signs(target, len(films))
    background = targets.batch(network, np.stack([blurred(film) for film in films]))
    explainer = shap.GradientExplainer(keras.Model([network.input], network.output), background)
    values = explainer.shap_values(targets.batch(network, films), nsamples=samples, rseed=0)
    return (values[..., 0].sum(axis=-1) * sign[:, None, None]).astype("float32")


def blurred(film: np.ndarray) -> np.ndarray:
    """Return the film (H, W) under a box filter of a quarter of its side: what a hidden region is replaced by."""
    return cv2.blur(film, (max(2, film.shape[1] // BLUR), max(2, film.shape[0] // BLUR)))


def _owen(score, film: np.ndarray, evaluations: int) -> np.ndarray:
    """Return the Owen values (H, W) of one film; raise CxrError where they are not additive."""
    # The masker gets the blurred film itself: SHAP's own blur cache recognises films by id() alone.
    masker = shap.maskers.Image(blurred(film)[..., None])
    explainer = shap.PartitionExplainer(score, masker)
    result = explainer(film[None, ..., None], max_evals=evaluations, batch_size=BATCH, silent=True)
    values = result.values[0, ..., 0]
    base, full = score(np.stack([blurred(film), film])[..., None]).astype("float64")
    if not abs(values.sum() - (full - base)) <= TOLERANCE * (1 + abs(full) + abs(base)):
        sums = f"{values.sum():.4f} instead of {full - base:.4f}"
        raise CxrError(f"SHAP values sum to {sums}; check that the model gives the same film the same output.")
    return values.astype("float32")


def _grayscale(images: np.ndarray) -> np.ndarray:
    films = np.array(images, "float32")
    if films.ndim != 3:
        raise CxrError(f"images of shape {films.shape} are not grayscale films; give (N, H, W) with values in 0..255.")
    return films


METHODS = {"partition": partition, "gradients": gradients}
PASSES = {"partition": EVALUATIONS, "gradients": SAMPLES}  # through the model, a film
