"""Magnitude pruning: the smallest weights of every kernel set to zero (Han et al. 2015).

One limit for the whole network would empty whole layers of a MobileNet, whose kernels differ in scale, and nothing passes an
empty layer. Depthwise kernels stay as they are: they hold few weights, and all that a channel carries passes nine of them.
The zeros lie anywhere. They shrink a compressed file; a dense kernel multiplies by them as by any other number.
"""

import zlib

import keras
import numpy as np


def prune(model: keras.Model, share: float) -> keras.Model:
    """Return a copy in which the `share` (0..1) of each kernel's weights that is smallest in magnitude is zero.

    Vectors (biases, normalisation) stay: they are few, and normalisation would amplify what is left.
    """
    pruned = keras.models.clone_model(model)
    pruned.set_weights([_cut(each, share) for each in model.get_weights()])
    return pruned


def _cut(weights: np.ndarray, share: float) -> np.ndarray:
    depthwise = weights.ndim == 4 and weights.shape[-1] == 1
    if weights.ndim < 2 or depthwise:
        return weights
    return np.where(np.abs(weights) < np.quantile(np.abs(weights), share), 0, weights)


class KeepZeros(keras.callbacks.Callback):
    """Set the weights that are zero when training begins to zero again after every step."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        kernels = [weight for weight in network.trainable_weights if len(weight.shape) > 1]
        self.kept = [(weight, keras.ops.cast(keras.ops.not_equal(weight, 0), "float32")) for weight in kernels]

    def on_train_batch_end(self, batch, logs=None) -> None:
        """Apply the masks."""
        for weight, mask in self.kept:
            weight.assign(weight * mask)


def compressed_bytes(model: keras.Model) -> int:
    """Return the bytes of the network's float32 weights after lossless compression (DEFLATE, level 9)."""
    return sum(len(zlib.compress(each.astype("float32").tobytes(), 9)) for each in model.get_weights())
