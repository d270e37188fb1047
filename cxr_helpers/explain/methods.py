"""All explanation methods by name, under one signature; importing this needs no Keras, calling a method does."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from cxr_helpers.errors import CxrError

if TYPE_CHECKING:
    import keras

BLANK = "blank map: nothing in the image speaks for or against this class"
Maps = Callable[["keras.Model", np.ndarray, "int | np.ndarray"], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Method:
    """An explanation method.

    `title`: as a reader knows it. `signed`: whether a map has values of both signs, in log-odds, positive where
    something speaks for the target; other maps are non-negative with largest value 1. `maps(model, images, target)`
    returns float32 (N, H, W). `says`: one sentence on what a map shows.
    """

    title: str
    signed: bool
    maps: Maps
    says: str


def maps(name: str, model: keras.Model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return one map per image, float32 (N, H, W), by the method of that name.

    Args:
        name: a key of `METHODS`.
        model: one sigmoid or two softmax units.
        images: grayscale raw pixels in 0..255, (N, H, W).
        target: +1 (what speaks for PNEUMONIA) or -1 (for NORMAL), one or one per image.

    Returns:
        Maps as `Method` describes them; a map that can say nothing is zero everywhere (`is_blank`).

    Raises:
        CxrError: an unknown name, images or target that do not fit, or a model that the method cannot explain.
    """
    return METHODS[checked(name)].maps(model, images, target)


def checked(name: str) -> str:
    """Return `name`; one that is no method is a CxrError that lists the methods."""
    if name not in METHODS:
        raise CxrError(f"Method {name!r} is unknown: choose one of {', '.join(METHODS)}.")
    return name


def strength(values: np.ndarray) -> np.ndarray:
    """Return how much each pixel speaks for the target, float32 (N, H, W) >= 0: what measures and pictures compare.

    The negative part of a signed map, which speaks against the target, counts as nothing; other maps stay as they are.
    """
    return np.maximum(np.asarray(values, "float32"), 0)


def is_blank(values: np.ndarray) -> np.ndarray:
    """Tell for each map (N, H, W) whether it is zero everywhere."""
    return ~np.asarray(values).any(axis=(1, 2))


def _late(module: str, function: str) -> Maps:
    """Return a method that imports its module, and with it Keras, only when it is called."""

    def _maps(model: keras.Model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
        return getattr(importlib.import_module(f"cxr_helpers.{module}"), function)(model, images, target)

    return _maps


METHODS: dict[str, Method] = {
    "gradcam": Method(
        "Grad-CAM",
        False,
        _late("explain.gradcam", "gradcam"),
        "Where the last feature maps are active, each weighted by its mean gradient.",
    ),
    "gradcam_plusplus": Method(
        "Grad-CAM++",
        False,
        _late("explain.gradcam", "gradcam_plusplus"),
        "As Grad-CAM, with each map weighted by its positive gradients only, so that small places count as much as large ones.",
    ),
    "hirescam": Method(
        "HiResCAM",
        False,
        _late("explain.gradcam", "hirescam"),
        "As Grad-CAM, with the gradient taken place by place instead of its mean.",
    ),
    "layercam": Method(
        "LayerCAM",
        False,
        _late("explain.gradcam", "layercam"),
        "As HiResCAM, with positive gradients only.",
    ),
    "gradient_input": Method(
        "Gradient × input",
        True,
        _late("extras.saliency.pixel_gradients", "gradient_input"),
        "How the log-odds would change with each pixel, times the pixel's grey value.",
    ),
    "integrated_gradients": Method(
        "Integrated Gradients",
        True,
        _late("extras.saliency.integrated_gradients", "integrated_gradients"),
        "What each pixel adds to the log-odds on the straight way from a black image to this one.",
    ),
    "smoothgrad": Method(
        "SmoothGrad × input",
        True,
        _late("extras.saliency.smoothgrad", "smoothgrad"),
        "Gradient × input, with the gradient averaged over noisy copies of the image.",
    ),
    "occlusion": Method(
        "Occlusion",
        True,
        _late("extras.saliency.occlusion", "occlusion"),
        "By how much the log-odds fall when a square around each pixel is blurred away.",
    ),
    "shap_gradient": Method(
        "SHAP (gradient)",
        True,
        _late("explain.shap_maps", "gradients"),
        "What each pixel adds to the log-odds on the way from the blurred image to this one, from sampled gradients.",
    ),
    "shap_partition": Method(
        "SHAP (partition)",
        True,
        _late("explain.shap_maps", "partition"),
        "What each region adds to the log-odds when it comes back into the blurred image, averaged over orders of coming back.",
    ),
    "lime": Method(
        "LIME",
        True,
        _late("extras.saliency.lime", "lime"),
        "The weights of a linear model fitted to the log-odds of copies of the image with random regions blurred away.",
    ),
}
