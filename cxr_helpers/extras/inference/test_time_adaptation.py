"""A network adapted to unlabelled images of another place by its batch normalisation; measured here, used by no command."""

from collections.abc import Iterator

import keras
import numpy as np
from keras import layers, ops

BATCH = 32  # images
RATE = 1e-3  # of Adam, as Wang et al. have it


def batch_statistics(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return P(PNEUMONIA) (N,) with means and variances taken from the images themselves (Schneider et al. 2020).

    `images` (N, H, W) uint8 are as the network takes them. A network without batch normalisation scores as it is.
    """
    network = _copy(model)
    for count, batch in enumerate(_batches(network, images)):
        for layer in _normalising(network):
            layer.momentum = count / (count + 1)  # so that all batches count alike
        network(batch, training=True)
    return np.concatenate([network.predict_on_batch(batch)[:, -1] for batch in _batches(network, images)])


def tent(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return P(PNEUMONIA) (N,) while scale and offset of normalisation learn to be sure (TENT, Wang et al. 2021).

    One step of least entropy a batch, of the batch's own statistics; a batch's scores are those before its step.
    """
    network, scores = _copy(model), []
    for layer in network.layers:
        layer.trainable = isinstance(layer, layers.BatchNormalization)
    if not _normalising(network):
        return np.concatenate([network.predict_on_batch(batch)[:, -1] for batch in _batches(network, images)])
    network.compile(keras.optimizers.Adam(RATE), loss=_entropy)
    for batch in _batches(network, images):
        scores.append(ops.convert_to_numpy(network(batch, training=True))[:, -1])
        network.train_on_batch(batch, np.zeros((len(batch), 1), "float32"))
    return np.concatenate(scores)


def _entropy(_, probability):
    """Return the entropy of P(PNEUMONIA), whatever the label."""
    p = ops.clip(probability[:, -1:], 1e-7, 1 - 1e-7)
    return -ops.mean(p * ops.log(p) + (1 - p) * ops.log(1 - p))


def _copy(model: keras.Model) -> keras.Model:
    network = keras.models.clone_model(model)
    network.set_weights(model.get_weights())
    for layer in network.layers:
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    return network


def _normalising(network: keras.Model) -> list[layers.Layer]:
    return [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]


def _batches(network: keras.Model, images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH, ..., None].astype("float32")
        yield np.repeat(batch, network.input_shape[-1], axis=-1)
