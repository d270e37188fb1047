"""SHAP's gradient explainer: expected gradients on the way from the blurred image to this one (Erion et al. 2021)."""

import numpy as np

from cxr_helpers.base import lazy
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import gradcam
from cxr_helpers.extras.saliency import methods, shap_maps

keras, shap = lazy.module("keras"), lazy.module("shap")

GROUPS, SAMPLES = 16, 8  # gradients an image, in groups with a seed each
SIGMAS = 8  # standard errors by which a sampled sum may miss; by chance it does so once in a million images


def gradients(model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return signed expected gradients × (image - blurred image), float32 (N, H, W), from what `methods.Method` takes.

    Each image's background is its own blurred copy. The values are a seeded sample of an expectation, so that their sum
    is that of `shap_maps.partition` only within its sampling error, found from groups of samples; a map that misses it
    by more than `SIGMAS` standard errors is a CxrError. TensorFlow only.
    """
    if keras.backend.backend() != "tensorflow":
        raise CxrError("SHAP's gradient explainer needs KERAS_BACKEND=tensorflow; set it, or use the partition explainer.")
    network = gradcam.log_odds_model(model)
    background = np.zeros((1, *network.input_shape[1:]), "float32")
    # The explainer asks for a list of inputs. It compiles once and reads the background anew with every image.
    explainer = shap.GradientExplainer(keras.Model([network.input], network.output), background, batch_size=gradcam.BATCH)

    def explain(network, image: np.ndarray) -> np.ndarray:
        pair = np.stack([shap_maps.blurred(image), image])
        background[:], pixels = np.split(gradcam.batch(network, pair), 2)
        drawn = [explainer.shap_values(pixels, nsamples=SAMPLES, rseed=seed)[0, ..., 0].sum(axis=-1) for seed in range(GROUPS)]
        sums = np.sum(drawn, axis=(1, 2))
        allowed = SIGMAS * sums.std(ddof=1) / np.sqrt(GROUPS)
        shap_maps.check_additive(sums.mean(), *methods.log_odds(network, pair), allowed)
        return np.mean(drawn, axis=0)

    return methods.by_image("SHAP gradients", explain, model, images, target)


METHOD = methods.Method(
    *("SHAP (gradient)", methods.GRADIENTS, True, gradients),
    says="What each pixel adds to the log-odds on the way from the blurred image to this one, from sampled gradients.",
)
