"""Grad-CAM: where the last feature maps speak for a class (Selvaraju et al. 2017), and what other methods share with it.

What is explained is the log-odds of PNEUMONIA, never the saturating probability, on a private float32 copy of the model.
Gradients of it are the only door from Keras to the frameworks' own differentiation: TensorFlow's, JAX's and PyTorch's.
"""

import functools
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from cxr_helpers.base import lazy
from cxr_helpers.config import one_of
from cxr_helpers.errors import CxrError

keras = lazy.module("keras")  # the frameworks are looked for where one is needed: two of the three may not be installed

PNEUMONIA, NORMAL = 1, -1
BATCH = 32  # images that are scored at once
_MAPS = 16  # images whose feature maps are held at once
BLANK = "blank map: nothing in the image speaks for or against this class"


def gradcam(model: "keras.Model", images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return the sum of the last feature maps, each times its mean gradient: float32 (N, H, W) in [0, 1], largest value 1.

    `images`, `target`: as `prepared` takes them. An image in which nothing speaks for the target has a map of zeros
    (`BLANK`). NaN gradients, or a model without a convolution, are a CxrError.
    """
    return weighted(lambda maps, slopes: np.einsum("nhwc,nc->nhw", maps, slopes.mean(axis=(1, 2))), model, images, target)


def weighted(weigh: Callable, model: "keras.Model", images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return maps as `gradcam` does, of which `weigh(activations, gradients)` makes the coarse ones.

    It takes float32 (n, h, w, channels) twice and returns (n, h, w); what is negative there is cut off.
    """
    network, gray, signs = prepared(model, images, target)
    return enlarged([one for pair in _passes(network, gray, signs) for one in weigh(*pair)], gray.shape[1:])


def enlarged(coarse: Iterable[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Return coarse maps (h, w) without what is negative, at the images' `shape` (H, W), each with largest value 1 or zero."""
    large = np.stack([cv2.resize(np.maximum(one, 0), shape[::-1], interpolation=cv2.INTER_LINEAR) for one in coarse])
    peak = large.max(axis=(1, 2), keepdims=True)
    return np.divide(large, peak, out=np.zeros_like(large), where=peak > 0)


def _passes(network: "keras.Model", gray: np.ndarray, signs: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the last feature maps and their gradients, batch by batch."""
    below, above = _halves(network)
    for part in (slice(start, start + _MAPS) for start in range(0, len(gray), _MAPS)):
        pixels, sign = (keras.ops.convert_to_tensor(array) for array in (batch(network, gray[part]), signs[part]))
        activations = keras.ops.convert_to_numpy(below(pixels, training=False))
        if not np.isfinite(activations).all():
            raise CxrError("The explained layer's activations hold NaN or infinity; check the model's weights.")
        slopes = gradient(lambda maps, p=pixels, s=sign: s * above([p, maps], training=False)[:, 0], activations)
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


def prepared(model: "keras.Model", images: np.ndarray, target: int | np.ndarray) -> tuple["keras.Model", np.ndarray, np.ndarray]:
    """Return what every method works on: the `log_odds_model`, the images as new float32 (N, H, W), and a sign (N,) for each.

    `model`: one sigmoid or two softmax units. `images`: grayscale raw pixels in 0..255, (N, H, W). `target`: +1 (what speaks
    for PNEUMONIA) or -1 (for NORMAL), one or one per image. Other ones are a CxrError.
    """
    gray = np.array(images, "float32")
    if gray.ndim != 3:
        raise CxrError(f"images of shape {gray.shape} are not grayscale images; give (N, H, W) with values in 0..255.")
    batch(model, gray)
    signs = np.asarray(target)
    if signs.shape not in ((), (len(gray),)) or not np.isin(signs, (PNEUMONIA, NORMAL)).all():
        many = f"one or one per image ({len(gray)})"
        raise CxrError(f"target={target!r} does not exist; give +1 (PNEUMONIA) or -1 (NORMAL), {many}.")
    return log_odds_model(model), gray, np.broadcast_to(signs, len(gray)).astype("float32")


def log_odds_model(model: "keras.Model") -> "keras.Model":
    """Return a flat float32 copy of a classifier with the log-odds of PNEUMONIA (N, 1) as its output.

    The head is one sigmoid unit, whose pre-activation z is the log-odds, or two softmax units, with z1 - z0.
    Nested models are flattened, so that each of their layers is reachable. Any other head is a CxrError.
    The copy of a model is built once and takes over the model's present weights with every call.
    """
    network, pairs = _flat_copy(model)
    for original, copy in pairs:
        for new, old in zip(copy.weights, original.weights, strict=True):
            new.assign(old)
    return network


@functools.lru_cache(maxsize=2)  # building a copy takes as long as many passes through it
def _flat_copy(model: "keras.Model") -> tuple["keras.Model", list[tuple]]:
    """Return the copy, with weights of its own, and the pairs (layer with weights, its copy)."""
    inputs = keras.Input(model.input_shape[1:], name="pixels")
    copies: dict[int, tuple] = {}
    flat = keras.Model(inputs, _replay(model, inputs, copies))
    pairs = [pair for pair in copies.values() if isinstance(pair[0], keras.Layer) and pair[0].weights]
    head, units = flat.layers[-1], flat.output_shape[-1]
    expected = {1: keras.activations.sigmoid, 2: keras.activations.softmax}
    if len(flat.output_shape) != 2 or getattr(head, "activation", None) != expected.get(units, False):
        raise CxrError(f"Model {model.name} ends in neither one sigmoid unit nor two softmax units; give one that does.")
    head.activation = keras.activations.linear  # of the copy: the caller's layer keeps its own
    if units == 2:
        flat = keras.Model(inputs, keras.layers.Subtract(name="log_odds")([flat.output[:, 1:], flat.output[:, :1]]))
    return flat, pairs


def _replay(model: "keras.Model", tensor, copies: dict[int, tuple]):
    """Call float32 copies of the model's layers on `tensor`, one after the other, and return the last output."""

    def copy(layer):
        if isinstance(layer, keras.Model):
            return lambda inner, **_: _replay(layer, inner, copies)
        if id(layer) not in copies:
            config = layer.get_config()
            if isinstance(layer, keras.Layer):
                config["dtype"] = "float32"
            copies[id(layer)] = layer, type(layer).from_config(config)
        return copies[id(layer)][1]

    graph = model._functional if isinstance(model, keras.Sequential) else model
    return graph._run_through_graph(tensor, operation_fn=copy)  # what keras.models.clone_model does, inlined


def batch(model: "keras.Model", images: np.ndarray) -> np.ndarray:
    """Return `images`, raw pixels 0..255, (N, H, W) or (N, H, W, C), as a new float32 array (N, H, W, C) that the model takes.

    A grey channel is repeated over the model's channels. Another shape, values outside the range or NaN are a CxrError.
    """
    images = np.array(images, "float32")
    if images.ndim == 3:
        images = np.repeat(images[..., None], model.input_shape[-1], axis=-1)
    if images.shape[1:] != model.input_shape[1:] or len(images) == 0:
        raise CxrError(f"images of shape {images.shape} do not fit model {model.name}, which takes {model.input_shape}.")
    if not (images.min() >= 0 and images.max() <= 255):
        raise CxrError("images must hold raw pixels in 0..255; scaling is part of the model.")
    return images


def gradient(fn: Callable, x: np.ndarray) -> np.ndarray:
    """Return d sum(fn(x)) / dx, float32, of the shape of `x`, which is not changed.

    `fn` maps a tensor (N, ...) to one number per row (N,), each row depending on its own input only, so that row i
    of the result is the gradient of target i. An input that the target does not depend on has gradient 0.
    A gradient with NaN or infinity is a CxrError.
    """
    result = FRAMEWORKS[one_of("KERAS_BACKEND", keras.backend.backend(), FRAMEWORKS)](fn, np.array(x, "float32"))
    if not np.isfinite(result).all():
        raise CxrError("The gradient of the target holds NaN or infinity; check the model's weights and the pixel range.")
    return result


def _tensorflow(fn: Callable, x: np.ndarray) -> np.ndarray:
    tensorflow = lazy.module("tensorflow")
    tensor = tensorflow.convert_to_tensor(x)
    with tensorflow.GradientTape() as tape:
        tape.watch(tensor)
        total = tensorflow.reduce_sum(fn(tensor))
    return tape.gradient(total, tensor, unconnected_gradients="zero").numpy()


def _jax(fn: Callable, x: np.ndarray) -> np.ndarray:
    jax = lazy.module("jax")
    return np.asarray(jax.grad(lambda tensor: fn(tensor).sum())(jax.numpy.asarray(x)))


def _torch(fn: Callable, x: np.ndarray) -> np.ndarray:
    torch = lazy.module("torch")
    tensor = keras.ops.convert_to_tensor(x).detach().requires_grad_(True)
    with torch.enable_grad():
        total = fn(tensor).sum() + 0 * tensor.sum()  # the second term keeps an independent target differentiable
        (result,) = torch.autograd.grad(total, tensor)
    return result.cpu().numpy()


FRAMEWORKS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
