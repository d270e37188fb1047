"""Grad-CAM: where the last feature maps speak for a class (Selvaraju et al., 2017)."""

import cv2
import keras
import numpy as np

from cxr_helpers.errors import CxrError
from cxr_helpers.explain import targets
from cxr_helpers.explain.gradients import gradient

BLANK = "blank map: nothing in the explained layer speaks for this class"
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
BATCH = 16  # films whose feature maps are held at once


def gradcam(
    model: keras.Model, images: np.ndarray, target: int | np.ndarray, layer: str | None = None
) -> np.ndarray:
    """Return a heat map per film, float32 (N, H, W) in [0, 1], largest value 1.

    `images`: raw pixels 0..255, (N, H, W, C) or (N, H, W). `target`: +1 or -1, one or one per film. `layer`: name
    of the layer to explain; default the last one with feature maps. A film in which nothing speaks for the target
    has a map of zeros (`is_blank` tells, `BLANK` says why). NaN gradients or a model without a convolution: CxrError.
    """
    network = targets.log_odds_model(model)
    explained = _feature_layer(network, layer)
    features = keras.Model(network.input, explained.output)
    # The film is a second input: a skip connection may lead around the explained layer.
    head = keras.Model([network.input, explained.output], network.output)
    films = targets.batch(model, images)
    sign = targets.signs(target, len(films))
    maps = [
        _coarse_maps(features, head, films[start : start + BATCH], sign[start : start + BATCH])
        for start in range(0, len(films), BATCH)
    ]
    return _upsampled(np.concatenate(maps), films.shape[1:3])


def explained_layer(model: keras.Model) -> str:
    """Return the name of the layer that `gradcam` explains by default."""
    return _feature_layer(targets.log_odds_model(model), None).name


def is_blank(maps: np.ndarray) -> np.ndarray:
    """Tell for each map (N, H, W) whether it is zero everywhere."""
    return ~np.asarray(maps).any(axis=(1, 2))


def _coarse_maps(features: keras.Model, head: keras.Model, films: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """Return ReLU(sum over channels of mean gradient × activation), float32 (n, h, w)."""
    pixels = keras.ops.convert_to_tensor(films)
    direction = keras.ops.convert_to_tensor(sign)
    activations = keras.ops.convert_to_numpy(features(pixels, training=False))
    slopes = gradient(lambda maps: direction * head([pixels, maps], training=False)[:, 0], activations)
    weights = slopes.mean(axis=(1, 2))
    return np.maximum(np.einsum("nhwc,nc->nhw", activations, weights), 0)


def _upsampled(maps: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the maps at `shape` (height, width), bilinear, each divided by its largest value where it has one."""
    large = np.stack([cv2.resize(one, shape[::-1], interpolation=cv2.INTER_LINEAR) for one in maps])
    peak = large.max(axis=(1, 2), keepdims=True)
    return np.divide(large, peak, out=np.zeros_like(large), where=peak > 0)


def _feature_layer(network: keras.Model, name: str | None) -> keras.Layer:
    """Return the named layer, or the last one with more than one position, at or after the first convolution."""
    first = next((i for i, layer in enumerate(network.layers) if isinstance(layer, CONVOLUTIONS)), None)
    if first is None:
        raise CxrError("Grad-CAM needs a convolution, and this model has none; use SHAP (cxr_helpers.explain.shap_maps).")
    maps = {layer.name: layer for layer in network.layers[first:] if _has_positions(layer)}
    if name is not None and name not in maps:
        raise CxrError(f"layer={name!r} is no layer with feature maps; the last ones are {', '.join(list(maps)[-5:])}.")
    return maps[name or list(maps)[-1]]


def _has_positions(layer: keras.Layer) -> bool:
    shape = layer.output.shape
    return len(shape) == 4 and shape[1] * shape[2] > 1
