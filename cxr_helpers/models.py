"""The models of the report: flat Keras graphs from raw pixels (0..255) to P(PNEUMONIA).

Every builder takes the input side in pixels, the dropout rate and the backbone's start, and returns a model
whose layer named "features" separates backbone and head. Scaling is part of the model; augmentation is not.
"""

from collections.abc import Callable

import keras
import pandas as pd
from keras import layers

from cxr_helpers import weights
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError


def _backbone(name: str, application: Callable, size: int, start: str, scale: float, offset: float) -> tuple:
    """Return (input tensor, last feature map, note on the start) with the backbone's layers flat in the graph."""
    inputs = keras.Input((size, size, 3), name="pixels")
    scaled = layers.Rescaling(scale, offset, name="scaling")(inputs)
    flat = application(include_top=False, weights=None, input_tensor=scaled)
    note = "random start"
    if start == "random":
        _quicken(flat)
    if start == "imagenet":
        source, note = weights.find(name)
        try:
            pretrained = application(include_top=False, weights=source, input_shape=(size, size, 3))
        except CxrError:
            raise
        except Exception as error:  # Keras raises anything from URLError to a bare Exception here
            raise weights.refusal(name, error) from error
        flat.set_weights(pretrained.get_weights())
    return inputs, flat.output, note


def _quicken(backbone: keras.Model) -> None:
    """Let batch normalisation forget its start: Keras' momenta of 0.99 and 0.999 outlast a short run from random weights."""
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9


def vgg16(size: int, dropout: float, start: str) -> tuple[keras.Model, str]:
    """Return Kondragunta's VGG-16 (Table 1: 40,407,874 parameters at 224×224) with two softmax units."""
    inputs, maps, note = _backbone("vgg16", keras.applications.VGG16, size, start, 1 / 255, 0.0)
    x = layers.Flatten(name="features")(maps)
    x = layers.Dense(1024, activation="relu", name="dense")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax", name="probability")(x), name="vgg16"), note


def resnet50(size: int, dropout: float, start: str) -> tuple[keras.Model, str]:
    """Return Kondragunta's ResNet-50 (Table 2: 26,211,201 parameters) with one sigmoid unit."""
    inputs, maps, note = _backbone("resnet50", keras.applications.ResNet50, size, start, 1 / 255, 0.0)
    x = layers.GlobalAveragePooling2D(name="features")(maps)
    for number, units in enumerate((1024, 512)):
        x = layers.Dense(units, activation="relu", name=f"dense_{number}")(x)
        x = layers.Dropout(dropout, name=f"dropout_{number}")(x)
    return _sigmoid(inputs, x, "resnet50"), note


def mobilenet(size: int, dropout: float, start: str) -> tuple[keras.Model, str]:
    """Return Rahman's MobileNet (V1) with global average pooling and one sigmoid unit."""
    return _pooled("mobilenet", keras.applications.MobileNet, size, dropout, start)


def mobilenetv2(size: int, dropout: float, start: str) -> tuple[keras.Model, str]:
    """Return MobileNetV2 (Kilaru) with global average pooling and one sigmoid unit."""
    return _pooled("mobilenetv2", keras.applications.MobileNetV2, size, dropout, start)


def custom_cnn(size: int, dropout: float, start: str) -> tuple[keras.Model, str]:
    """Return Kondragunta's grayscale CNN (section 4.2; widths 32, 64, 128, 256 and Dense 128 are the reading).

    Each block: 3×3 convolution ("same", ReLU), batch normalisation, dropout, 2×2 max pooling.
    """
    inputs = keras.Input((size, size, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="scaling")(inputs)
    for width in (32, 64, 128, 256):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv_{width}")(x)
        x = layers.BatchNormalization(name=f"norm_{width}")(x)
        x = layers.Dropout(dropout, name=f"dropout_{width}")(x)
        x = layers.MaxPooling2D(2, strides=2, padding="same", name=f"pool_{width}")(x)
    x = layers.Flatten(name="features")(x)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    return _sigmoid(inputs, layers.Dropout(dropout, name="dropout")(x), "custom_cnn"), "random start"


BUILDERS = {
    "vgg16": vgg16,
    "resnet50": resnet50,
    "mobilenet": mobilenet,
    "mobilenetv2": mobilenetv2,
    "custom_cnn": custom_cnn,
}


def build(config: Config) -> tuple[keras.Model, str]:
    """Return (model, note on its start) for a configuration, with `trainable` set layer by layer."""
    if config.model not in BUILDERS:
        raise CxrError(f"Config: model={config.model!r} is unknown; choose one of {', '.join(BUILDERS)}.")
    model, note = BUILDERS[config.model](config.size, config.dropout, config.start)
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
    """Return (backbone: pixels → features, head: features → probability), sharing the model's layers."""
    features = model.get_layer("features")
    position = model.layers.index(features)
    inputs = x = keras.Input(features.output.shape[1:], name="stored_features")
    for layer in model.layers[position + 1 :]:
        x = layer(x)
    return keras.Model(model.input, features.output), keras.Model(inputs, x)


def _pooled(name: str, application: Callable, size: int, dropout: float, start: str) -> tuple[keras.Model, str]:
    inputs, maps, note = _backbone(name, application, size, start, 1 / 127.5, -1.0)
    x = layers.GlobalAveragePooling2D(name="features")(maps)
    return _sigmoid(inputs, layers.Dropout(dropout, name="dropout")(x), name), note


def _sigmoid(inputs, x, name: str) -> keras.Model:
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x), name=name)


def layer_table(model: keras.Model, fold: bool = False) -> pd.DataFrame:
    """Return layer, output shape and parameters row by row, as the thesis' Tables 1 and 2; `fold` joins the backbone."""
    rows = [(layer.name, type(layer).__name__, _shape(layer.output), layer.count_params()) for layer in model.layers]
    table = pd.DataFrame(rows, columns=["layer", "type", "output shape", "parameters"])
    if not fold:
        return table
    first = table.index[table.layer == "features"][0]
    shape, parameters = table["output shape"][first - 1], table.parameters[:first].sum()
    whole = pd.DataFrame([("backbone", f"{first} layers", shape, parameters)], columns=table.columns)
    return pd.concat([whole, table[first:]], ignore_index=True)


def _shape(tensor) -> str:
    return " × ".join(str(side) for side in tensor.shape[1:])
