"""The multiplications of a network, counted from its graph."""

import math

import keras


def multiply_adds(model: keras.Model) -> int:
    """Return the multiply-adds of one film's pass through a flat Keras graph: those of convolutions and dense layers.

    What moves, adds or compares (pooling, normalisation, activation) is left out, as the papers do that give such numbers:
    MobileNet has 569 million at 224×224 (Howard et al. 2017, Table 4).
    """
    return sum(_of(layer) for layer in model.layers)


def _of(layer: keras.Layer) -> int:
    if isinstance(layer, keras.layers.Dense):
        return math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        return math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
    return 0
