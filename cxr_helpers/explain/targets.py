"""What is explained: the signed log-odds of PNEUMONIA, on a private copy of the model."""

import keras
import numpy as np

from cxr_helpers.errors import CxrError

PNEUMONIA, NORMAL = 1, -1


def log_odds_model(model: keras.Model) -> keras.Model:
    """Return a flat float32 copy of a classifier with the log-odds of PNEUMONIA (N, 1) as its output.

    The head is one sigmoid unit, whose pre-activation z is the log-odds, or two softmax units, with z1 - z0.
    Nested models are flattened, so that each of their layers is reachable. Any other head is a CxrError.
    """
    inputs = keras.Input(model.input_shape[1:], name="pixels")
    copies: dict[int, tuple] = {}
    flat = keras.Model(inputs, _replay(model, inputs, copies))
    for original, copy in copies.values():
        if isinstance(original, keras.Layer):
            copy.set_weights(original.get_weights())
    head = flat.layers[-1]
    units = flat.output_shape[-1]
    expected = {1: keras.activations.sigmoid, 2: keras.activations.softmax}
    if len(flat.output_shape) != 2 or getattr(head, "activation", None) != expected.get(units, False):
        raise CxrError(f"Model {model.name} ends in neither one sigmoid unit nor two softmax units; give one that does.")
    head.activation = keras.activations.linear  # of the copy: the caller's layer keeps its own
    return flat if units == 1 else keras.Model(inputs, flat.output[:, 1:] - flat.output[:, :1])


def _replay(model: keras.Model, tensor, copies: dict[int, tuple]):
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

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            tensor = copy(layer)(tensor)
        return tensor
    return model._run_through_graph(tensor, operation_fn=copy)  # what keras.models.clone_model does, inlined


def signs(target: int | np.ndarray, n: int) -> np.ndarray:
    """Return one sign (float32, (n,)) per film; anything but +1 and -1, or a wrong number of them, is a CxrError."""
    given = np.asarray(target)
    if given.shape not in ((), (n,)) or not np.isin(given, (PNEUMONIA, NORMAL)).all():
        raise CxrError(f"target={target!r} does not exist; give +1 (PNEUMONIA) or -1 (NORMAL), one or one per film ({n}).")
    return np.broadcast_to(given, (n,)).astype("float32")


def predicted(y_score: np.ndarray, threshold: float) -> np.ndarray:
    """Return the predicted class of each film as a target: +1 iff `y_score` >= `threshold`, else -1."""
    return np.where(np.asarray(y_score) >= threshold, PNEUMONIA, NORMAL)


def batch(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return `images` as a new float32 array (N, H, W, C) that the model takes.

    `images` are raw pixels in 0..255: (N, H, W, C), or grayscale (N, H, W), repeated over the model's channels.
    Another shape, values outside the range or NaN are a CxrError.
    """
    images = np.array(images, "float32")
    if images.ndim == 3:
        images = np.repeat(images[..., None], model.input_shape[-1], axis=-1)
    if images.shape[1:] != model.input_shape[1:] or len(images) == 0:
        raise CxrError(f"images of shape {images.shape} do not fit model {model.name}, which takes {model.input_shape}.")
    if not (images.min() >= 0 and images.max() <= 255):
        raise CxrError("images must hold raw pixels in 0..255; scaling is part of the model.")
    return images
