"""Several trained networks as one: a single graph whose answer is that of their ensemble.

Their last feature maps lie side by side in one layer, "maps", which is pooled and weighed by one head of independent units,
so that whatever explains a network by its last feature maps explains the ensemble too.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

POOLING = "features"  # what `models` calls the layer between feature maps and head


def joined(networks: Sequence[keras.Model], temperature: float = 1.0) -> keras.Model:
    """Return one network with P(PNEUMONIA) = sigmoid(logit(mean of the networks' probabilities) / temperature).

    Args:
        networks: all `joinable`, with inputs and feature maps of one size (the MobileNets of `models`).
        temperature: by what the log-odds of the mean are divided.
    """
    inputs = keras.Input(networks[0].input_shape[1:], name="pixels")
    maps = [_maps(network, inputs, place) for place, network in enumerate(networks)]
    x = layers.GlobalAveragePooling2D(name=POOLING)(layers.Concatenate(name="maps")(maps))
    each = layers.Dense(len(networks), name="members")(x)
    ill, well = (ops.mean(ops.sigmoid(sign * each), axis=-1, keepdims=True) for sign in (1.0, -1.0))
    outputs = layers.Dense(1, activation="sigmoid", name="probability")(ops.log(ill) - ops.log(well))
    whole = keras.Model(inputs, outputs, name="joined")
    kernels, biases = zip(*(network.layers[-1].get_weights() for network in networks), strict=True)
    kernel = np.zeros((sum(map(len, kernels)), len(networks)), "float32")
    for place, start in enumerate(np.cumsum([0, *map(len, kernels[:-1])])):
        kernel[start : start + len(kernels[place]), place] = kernels[place][:, 0]
    whole.get_layer("members").set_weights([kernel, np.concatenate(biases)])
    whole.get_layer("probability").set_weights([np.full((1, 1), 1 / temperature, "float32"), np.zeros(1, "float32")])
    return whole


def joinable(network: keras.Model) -> bool:
    """Tell whether a network ends in feature maps that are averaged over the image and weighed by one sigmoid unit."""
    names = [layer.name for layer in network.layers]
    if POOLING not in names or network.output_shape[-1] != 1:
        return False
    pooling, *between, unit = network.layers[names.index(POOLING) :]
    bare = all(isinstance(layer, layers.Dropout) for layer in between)
    return bare and isinstance(pooling, layers.GlobalAveragePooling2D) and isinstance(unit, layers.Dense)


def _maps(network: keras.Model, inputs, place: int):
    """Return the last feature maps of a copy of a network on `inputs`; its layers' names get a number."""
    body = keras.Model(network.input, network.get_layer(POOLING).input)

    def renamed(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        return type(layer).from_config(config | {"name": f"{config['name']}_{place + 1}"})

    copy = keras.models.clone_model(body, input_tensors=inputs, clone_function=renamed)
    copy.set_weights(body.get_weights())
    return copy.output
