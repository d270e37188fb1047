"""Grad-CAM: where the last feature maps speak for a class (Selvaraju et al. 2017), and what its relatives share with it."""

import functools
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from cxr_helpers.base import lazy
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import targets

keras = lazy.module("keras")

BATCH = 16  # images whose feature maps are held at once
BLANK = "blank map: nothing in the image speaks for or against this class"


def gradcam(model: "keras.Model", images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return the sum of the last feature maps, each times its mean gradient: float32 (N, H, W) in [0, 1], largest value 1.

    `images`, `target`: as `targets.prepared` takes them. An image in which nothing speaks for the target has a map of zeros
    (`BLANK`). NaN gradients, or a model without a convolution, are a CxrError.
    """
    return weighted(lambda maps, slopes: np.einsum("nhwc,nc->nhw", maps, slopes.mean(axis=(1, 2))), model, images, target)


def weighted(weigh: Callable, model: "keras.Model", images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return maps as `gradcam` does, of which `weigh(activations, gradients)` makes the coarse ones.

    It takes float32 (n, h, w, channels) twice and returns (n, h, w); what is negative there is cut off.
    """
    network, gray, signs = targets.prepared(model, images, target)
    return enlarged([one for pair in _passes(network, gray, signs) for one in weigh(*pair)], gray.shape[1:])


def enlarged(coarse: Iterable[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Return coarse maps (h, w) without what is negative, at the images' `shape` (H, W), each with largest value 1 or zero."""
    large = np.stack([cv2.resize(np.maximum(one, 0), shape[::-1], interpolation=cv2.INTER_LINEAR) for one in coarse])
    peak = large.max(axis=(1, 2), keepdims=True)
    return np.divide(large, peak, out=np.zeros_like(large), where=peak > 0)


def _passes(network: "keras.Model", gray: np.ndarray, signs: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the last feature maps and their gradients, batch by batch."""
    below, above = _halves(network)
    for part in (slice(start, start + BATCH) for start in range(0, len(gray), BATCH)):
        pixels, sign = (keras.ops.convert_to_tensor(array) for array in (targets.batch(network, gray[part]), signs[part]))
        activations = keras.ops.convert_to_numpy(below(pixels, training=False))
        if not np.isfinite(activations).all():
            raise CxrError("The explained layer's activations hold NaN or infinity; check the model's weights.")
        slopes = targets.gradient(lambda maps, p=pixels, s=sign: s * above([p, maps], training=False)[:, 0], activations)
        yield activations, slopes


@functools.lru_cache(maxsize=2)  # putting them together takes as long as passes through them
def _halves(network: "keras.Model") -> tuple["keras.Model", "keras.Model"]:
    """Return what lies below the explained layer and what lies above it, which takes the image, too: connections may skip it."""
    explained = explained_layer(network).output
    return keras.Model(network.input, explained), keras.Model([network.input, explained], network.output)


def explained_layer(network: "keras.Model") -> "keras.Layer":
    """Return the last layer of a flat network with more than one position, at or after the first convolution."""
    convolutions = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    first = next((i for i, layer in enumerate(network.layers) if isinstance(layer, convolutions)), None)
    if first is None:
        raise CxrError("Grad-CAM and its relatives need a convolution, and this model has none; use SHAP (shap_partition).")
    shapes = [(layer, layer.output.shape) for layer in network.layers[first:]]
    return [layer for layer, shape in shapes if len(shape) == 4 and shape[1] * shape[2] > 1][-1]
