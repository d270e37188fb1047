"""Grad-CAM and its relatives: where the last feature maps speak for a class, from one pass through the model.

All take `model`, `images` (raw pixels 0..255, (N, H, W, C) or (N, H, W)), `target` (+1 or -1, one or one per image) and
`layer` (name of the layer to explain; default the last one with feature maps), and return a heat map per image,
float32 (N, H, W) in [0, 1], largest value 1. An image in which nothing speaks for the target has a map of zeros
(`methods.is_blank` tells, `BLANK` says why). NaN gradients or a model without a convolution are a CxrError.
"""

import weakref
from collections.abc import Callable

import cv2
import keras
import numpy as np

from cxr_helpers.errors import CxrError
from cxr_helpers.explain import targets
from cxr_helpers.explain.gradients import gradient

BLANK = "blank map: nothing in the explained layer speaks for this class"
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
BATCH = 16  # images whose feature maps are held at once

# (activations, gradients), float32 (n, h, w, channels) each -> map before its negative part is cut off, (n, h, w).
Weighing = Callable[[np.ndarray, np.ndarray], np.ndarray]

# The two halves of a network by the layer between them; putting them together takes as long as passes through them.
_HALVES: weakref.WeakKeyDictionary[keras.Model, dict] = weakref.WeakKeyDictionary()


def gradcam(model: keras.Model, images: np.ndarray, target: int | np.ndarray, layer: str | None = None) -> np.ndarray:
    """Return the sum of the feature maps, each times its mean gradient (Selvaraju et al. 2017)."""
    return _maps(model, images, target, layer, _by_mean_gradient)


def gradcam_plusplus(model: keras.Model, images: np.ndarray, target: int | np.ndarray, layer: str | None = None) -> np.ndarray:
    """Return the sum of the feature maps, each times its weighted positive gradients (Chattopadhay et al. 2018).

    The score is the exponential of the log-odds, as in the paper, whose higher derivatives are powers of the first.
    """
    return _maps(model, images, target, layer, _by_positive_gradients)


def hirescam(model: keras.Model, images: np.ndarray, target: int | np.ndarray, layer: str | None = None) -> np.ndarray:
    """Return the sum of the feature maps, each times its gradient place by place (Draelos and Carin 2020)."""
    return _maps(model, images, target, layer, lambda activations, slopes: (activations * slopes).sum(axis=-1))


def layercam(model: keras.Model, images: np.ndarray, target: int | np.ndarray, layer: str | None = None) -> np.ndarray:
    """Return the sum of the feature maps, each times its positive gradient place by place (Jiang et al. 2021)."""
    return _maps(model, images, target, layer, lambda activations, slopes: (activations * np.maximum(slopes, 0)).sum(axis=-1))


def explained_layer(model: keras.Model) -> str:
    """Return the name of the layer that is explained by default."""
    return _feature_layer(targets.log_odds_model(model), None).name


def _by_mean_gradient(activations: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    return np.einsum("nhwc,nc->nhw", activations, slopes.mean(axis=(1, 2)))


def _by_positive_gradients(activations: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Weigh with sum(alpha × positive gradient), alpha = g² / (2 g² + sum(activations) g³) = 1 / (2 + sum(activations) g).

    Where g is not positive, alpha does not count; where a layer's negative activations make its denominator vanish
    or negative, which the paper does not foresee, it is 0.
    """
    below = 2 + activations.sum(axis=(1, 2), keepdims=True) * slopes
    alpha = np.divide(1, below, out=np.zeros_like(slopes), where=below > 0)
    return np.einsum("nhwc,nc->nhw", activations, (alpha * np.maximum(slopes, 0)).sum(axis=(1, 2)))


def _maps(model: keras.Model, images: np.ndarray, target: int | np.ndarray, layer: str | None, weighing: Weighing) -> np.ndarray:
    """Return a map of [0, 1] per image, of `BATCH` images at a time."""
    halves = _halves(targets.log_odds_model(model), layer)
    radiographs = targets.batch(model, images)
    sign = targets.signs(target, len(radiographs))
    parts = [slice(start, start + BATCH) for start in range(0, len(radiographs), BATCH)]
    coarse = [np.maximum(weighing(*_pass(*halves, radiographs[part], sign[part])), 0) for part in parts]
    return _upsampled(np.concatenate(coarse), radiographs.shape[1:3])


def _halves(network: keras.Model, layer: str | None) -> tuple[keras.Model, keras.Model]:
    """Return (pixels -> activations of the layer, pixels and these activations -> log-odds)."""
    known = _HALVES.setdefault(network, {})
    if layer not in known:
        explained = _feature_layer(network, layer)
        # The image is a second input: a skip connection may lead around the explained layer.
        head = keras.Model([network.input, explained.output], network.output)
        known[layer] = keras.Model(network.input, explained.output), head
    return known[layer]


def _pass(features: keras.Model, head: keras.Model, images: np.ndarray, sign: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the explained layer's activations and the gradients of the signed log-odds, float32 (n, h, w, channels)."""
    pixels = keras.ops.convert_to_tensor(images)
    direction = keras.ops.convert_to_tensor(sign)
    activations = keras.ops.convert_to_numpy(features(pixels, training=False))
    if not np.isfinite(activations).all():
        raise CxrError("The explained layer's activations hold NaN or infinity; check the model's weights.")
    return activations, gradient(lambda maps: direction * head([pixels, maps], training=False)[:, 0], activations)


def _upsampled(maps: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the maps at `shape` (height, width), bilinear, each divided by its largest value where it has one."""
    large = np.stack([cv2.resize(one, shape[::-1], interpolation=cv2.INTER_LINEAR) for one in maps])
    peak = large.max(axis=(1, 2), keepdims=True)
    return np.divide(large, peak, out=np.zeros_like(large), where=peak > 0)


def _feature_layer(network: keras.Model, name: str | None) -> keras.Layer:
    """Return the named layer, or the last one with more than one position, at or after the first convolution."""
    first = next((i for i, layer in enumerate(network.layers) if isinstance(layer, CONVOLUTIONS)), None)
    if first is None:
        raise CxrError("Grad-CAM and its relatives need a convolution, and this model has none; use SHAP (shap_partition).")
    maps = {layer.name: layer for layer in network.layers[first:] if _has_positions(layer)}
    if name is not None and name not in maps:
        raise CxrError(f"layer={name!r} is no layer with feature maps; the last ones are {', '.join(list(maps)[-5:])}.")
    return maps[name or list(maps)[-1]]


def _has_positions(layer: keras.Layer) -> bool:
    shape = layer.output.shape
    return len(shape) == 4 and shape[1] * shape[2] > 1
