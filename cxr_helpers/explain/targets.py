"""What is explained: the log-odds of PNEUMONIA, never the saturating probability, on a private float32 copy of the model.

Gradients of it are the only door from Keras to the frameworks' own differentiation: TensorFlow's, JAX's and PyTorch's.
"""

import functools
from collections.abc import Callable

import numpy as np

from cxr_helpers.base import lazy
from cxr_helpers.config import one_of
from cxr_helpers.errors import CxrError

keras = lazy.module("keras")  # the frameworks are looked for where one is needed: two of the three may not be installed

PNEUMONIA, NORMAL = 1, -1
BATCH = 32  # images that are scored at once


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
