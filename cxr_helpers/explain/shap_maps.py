"""SHAP values of pixels: how each region moves the log-odds away from those of a blurred image (Lundberg and Lee, 2017)."""

import keras
import numpy as np
import shap
from tqdm.auto import tqdm

from cxr_helpers.errors import CxrError
from cxr_helpers.explain import hiding, targets

EVALUATIONS = 300  # forward passes an image (partition)
GROUPS, SAMPLES = 16, 8  # gradients an image, in groups with a seed each (gradient)
SIGMAS = 8  # standard errors by which a sampled sum may miss; by chance it does so once in a million images
TOLERANCE = 1e-3  # of the log-odds involved, as float32 sums allow


def partition(model: keras.Model, images: np.ndarray, target: int | np.ndarray, evaluations: int = EVALUATIONS) -> np.ndarray:
    """Return signed Owen values per pixel in log-odds, float32 (N, H, W), from SHAP's partition explainer.

    `images`: grayscale raw pixels 0..255, (N, H, W). `target`: +1 or -1, one or one per image. A map sums to
    target × (log-odds of the image - log-odds of its blurred copy); a map that does not is a CxrError.
    """
    network = targets.log_odds_model(model)
    radiographs = targets.grayscale(model, images)
    sign = targets.signs(target, len(radiographs))

    def _score(pixels: np.ndarray) -> np.ndarray:
        return targets.log_odds(network, pixels[..., 0])

    progress = tqdm(radiographs, desc=f"SHAP {model.name}", unit="image")
    return sign[:, None, None] * np.stack([_owen(_score, image, evaluations) for image in progress])


def gradients(model: keras.Model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return signed expected gradients × (image - blurred image), float32 (N, H, W), from SHAP's gradient explainer.

    Takes what `partition` takes; each image's background is its own blurred copy. The values are a seeded sample of an
    expectation, so that their sum is that of `partition`'s only within its sampling error, found from groups of samples;
    a map that misses it by more than `SIGMAS` standard errors is a CxrError. TensorFlow only.
    """
    if keras.backend.backend() != "tensorflow":
        raise CxrError("SHAP's gradient explainer needs KERAS_BACKEND=tensorflow; set it, or use the partition explainer.")
    network = targets.log_odds_model(model)
    radiographs = targets.grayscale(model, images)
    sign = targets.signs(target, len(radiographs))
    background = np.zeros((1, *network.input_shape[1:]), "float32")
    # The explainer asks for a list of inputs. It compiles once and reads the background anew with every image.
    explainer = shap.GradientExplainer(keras.Model([network.input], network.output), background, batch_size=targets.BATCH)
    values = []
    for image in tqdm(radiographs, desc=f"SHAP gradients {model.name}", unit="image"):
        pair = np.stack([hiding.blurred(image), image])
        background[:], pixels = np.split(targets.batch(network, pair), 2)
        base, full = targets.log_odds(network, pair)
        values.append(_expected_gradients(explainer, pixels, base, full))
    return sign[:, None, None] * np.stack(values)


def _owen(score, image: np.ndarray, evaluations: int) -> np.ndarray:
    """Return the Owen values (H, W) of one image; raise CxrError where they are not additive."""
    # The masker gets the blurred image itself: SHAP's own blur cache recognises images by id() alone.
    masker = shap.maskers.Image(hiding.blurred(image)[..., None])
    explainer = shap.PartitionExplainer(score, masker)
    result = explainer(image[None, ..., None], max_evals=evaluations, batch_size=targets.BATCH, silent=True)
    values = result.values[0, ..., 0]
    base, full = score(np.stack([hiding.blurred(image), image])[..., None])
    _check_additive(values.sum(), base, full)
    return values.astype("float32")


def _expected_gradients(explainer: shap.GradientExplainer, pixels: np.ndarray, base: float, full: float) -> np.ndarray:
    """Return the expected gradients (H, W) of one image (1, H, W, C); raise CxrError where they are not additive."""
    drawn = [explainer.shap_values(pixels, nsamples=SAMPLES, rseed=seed)[0, ..., 0].sum(axis=-1) for seed in range(GROUPS)]
    sums = np.sum(drawn, axis=(1, 2))
    _check_additive(sums.mean(), base, full, SIGMAS * sums.std(ddof=1) / np.sqrt(GROUPS))
    return np.mean(drawn, axis=0).astype("float32")


def _check_additive(total: float, base: float, full: float, sampling: float = 0.0) -> None:
    """Raise CxrError unless `total` is full - base, up to rounding and what `sampling` allows."""
    if not abs(total - (full - base)) <= TOLERANCE * (1 + abs(full) + abs(base)) + sampling:
        sums = f"{total:.4f} instead of {full - base:.4f}"
        raise CxrError(f"SHAP values sum to {sums}; check that the model gives the same image the same output.")
