"""Gradients on TensorFlow, JAX and PyTorch: the only door from Keras to the frameworks' own differentiation."""

from collections.abc import Callable

import numpy as np

from cxr_helpers.base import lazy
from cxr_helpers.config import one_of
from cxr_helpers.errors import CxrError

keras = lazy.module("keras")  # the frameworks are looked for where one is needed: two of the three may not be installed


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
