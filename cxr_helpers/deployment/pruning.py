"""Magnitude pruning: the smallest kernel weights of the whole network set to zero (Han et al. 2015).

The zeros lie anywhere. They shrink a compressed file; a dense kernel multiplies by them as by any other number.
"""

import zlib

import keras
import numpy as np


def prune(model: keras.Model, share: float) -> keras.Model:
    """Return a copy whose `share` (0..1) of kernel weights that are smallest in magnitude, of all layers together, are zero.

    Vectors (biases, normalisation) stay: they are few, and normalisation would amplify what is left.
    """
    pruned = keras.models.clone_model(model)
    weights = model.get_weights()
    limit = np.quantile(np.concatenate([np.abs(each).ravel() for each in weights if each.ndim > 1]), share)
    pruned.set_weights([np.where(np.abs(each) < limit, 0, each) if each.ndim > 1 else each for each in weights])
    return pruned


class KeepZeros(keras.callbacks.Callback):
    """Set the weights that are zero when training begins to zero again after every step."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        kernels = [weight for weight in network.trainable_weights if len(weight.shape) > 1]
        self.kept = [
            (weight, keras.ops.convert_to_tensor(keras.ops.convert_to_numpy(weight) != 0, "float32")) for weight in kernels
        ]

    def on_train_batch_end(self, batch, logs=None) -> None:
        """Apply the masks."""
        for weight, mask in self.kept:
            weight.assign(weight * mask)


def zeros(model: keras.Model) -> float:
    """Return the share of kernel weights that are zero."""
    kernels = [each for each in model.get_weights() if each.ndim > 1]
    return sum(int((each == 0).sum()) for each in kernels) / sum(each.size for each in kernels)


def compressed_bytes(model: keras.Model) -> int:
    """Return the bytes of the network's float32 weights after lossless compression (DEFLATE, level 9)."""
    return sum(len(zlib.compress(each.astype("float32").tobytes(), 9)) for each in model.get_weights())
