"""The networks of the report by name: flat Keras graphs from raw pixels (0..255) to P(PNEUMONIA).

Each is built in a file of its own (announced in pyproject.toml), from a configuration's model, size, start, dropout and width.
A layer named "features" separates backbone and head. Scaling is part of the network; augmentation is not.
"""

import keras
import pandas as pd

from cxr_helpers.base import plugins
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError


def build(config: Config) -> tuple[keras.Model, str]:
    """Return (model, note on its start) for a configuration, with `trainable` set layer by layer; errors as `plugins.load`."""
    model, note = plugins.load("networks", config.model)(config)
    unfreeze(model, config.trainable)
    return model, note


def unfreeze(model: keras.Model, trainable: str) -> None:
    """Train all layers ("all"), the head ("head"), or everything from the first layer with that name prefix on."""
    first = "features" if trainable == "head" else trainable
    active = trainable == "all"
    for layer in model.layers:
        active = active or layer.name.startswith(first)
        layer.trainable = active
    if not active:
        raise CxrError(f"Config: trainable={trainable!r} names no layer of {model.name}.")


def split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Return (frozen layers: pixels → their output, the rest: that output → probability), sharing the model's layers.

    The cut is at the layer "features" where only the head is trained, else before the first layer that is.
    """
    first = next(position for position, layer in enumerate(model.layers) if layer.trainable)
    cut = model.layers[first] if model.layers[first].name == "features" else model.layers[max(0, first - 1)]
    try:
        return keras.Model(model.input, cut.output), keras.Model(cut.output, model.output)
    except ValueError as error:  # a skip connection crosses the cut
        name = model.layers[first].name
        raise CxrError(f"Config: {model.name} cannot be cut before {name}; name the first layer of a block.") from error


def layer_table(model: keras.Model, fold: bool = False) -> pd.DataFrame:
    """Return layer, output shape and parameters row by row, as the thesis' Tables 1 and 2; `fold` joins the backbone."""
    rows = [
        (layer.name, type(layer).__name__, " × ".join(map(str, layer.output.shape[1:])), layer.count_params())
        for layer in model.layers
    ]
    table = pd.DataFrame(rows, columns=["layer", "type", "output shape", "parameters"])
    if not fold:
        return table
    first = table.index[table.layer == "features"][0]
    shape, parameters = table["output shape"][first - 1], table.parameters[:first].sum()
    whole = pd.DataFrame([("backbone", f"{first} layers", shape, parameters)], columns=table.columns)
    return pd.concat([whole, table[first:]], ignore_index=True)
