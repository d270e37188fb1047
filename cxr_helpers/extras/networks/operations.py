"""How many multiply-adds a network needs for one image, counted from its Keras graph."""

import itertools
import math

import keras
from keras import layers


def multiply_adds(model: keras.Model) -> int:
    """Return the multiply-adds of (depthwise) convolutions and dense layers for one image, each as often as it is called.

    Whatever else a network does (normalisation, activation, pooling, sums) is left out, as in the papers' counts.
    """
    graph = model._functional if isinstance(model, keras.Sequential) else model
    total = 0
    for node in itertools.chain.from_iterable(graph._nodes_by_depth.values()):
        layer = node.operation
        total += multiply_adds(layer) if isinstance(layer, keras.Model) else _of_call(layer, node)
    return total


def _of_call(layer: keras.Layer, node) -> int:
    outputs = math.prod(node.outputs[0].shape[1:])
    if isinstance(layer, layers.DepthwiseConv2D):
        return outputs * math.prod(layer.kernel_size)
    if isinstance(layer, layers.Conv2D):
        return outputs * math.prod(layer.kernel_size) * node.input_tensors[0].shape[-1] // layer.groups
    if isinstance(layer, layers.Dense):
        return outputs * node.input_tensors[0].shape[-1]
    return 0
