"""The models of the report: flat Keras graphs from raw pixels (0..255) to P(PNEUMONIA).

Every builder takes a configuration (of which it reads size, start, dropout and width), and returns a model whose
layer named "features" separates backbone and head. Scaling is part of the model; augmentation is not.
"""

from collections.abc import Callable

import keras
import pandas as pd
from keras import layers

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.networks import attention
from cxr_helpers.extras.networks import resnet18 as resnet18_graph
from cxr_helpers.models import weights

Scale = float | tuple[float, float, float]


def _backbone(name: str, application: Callable, config: Config, scale: Scale, offset: Scale) -> tuple:
    """Return (input tensor, last feature map, note on the start) with the backbone's layers flat in the graph."""
    size = config.size
    inputs = keras.Input((size, size, 3), name="pixels")
    scaled = layers.Rescaling(scale, offset, name="scaling")(inputs)
    flat = application(include_top=False, weights=None, input_tensor=scaled)
    note = "random start"
    if config.start == "random":
        _quicken(flat)
    if config.start == "imagenet":
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


def vgg16(config: Config) -> tuple[keras.Model, str]:
    """Return Kondragunta's VGG-16 (Table 1: 40,407,874 parameters at 224×224) with two softmax units."""
    inputs, maps, note = _backbone("vgg16", keras.applications.VGG16, config, 1 / 255, 0.0)
    x = layers.Flatten(name="features")(maps)
    x = layers.Dense(1024, activation="relu", name="dense")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    outputs = layers.Dense(2, activation="softmax", dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name="vgg16"), note


def _resnet(depth: int) -> Callable[[Config], tuple[keras.Model, str]]:
    """Return the builder of Kondragunta's ResNet (Table 2: 26,211,201 parameters at depth 50) with one sigmoid unit."""
    name = f"resnet{depth}"
    application = getattr(keras.applications, f"ResNet{depth}")

    def build(config: Config) -> tuple[keras.Model, str]:
        inputs, maps, note = _backbone(name, application, config, 1 / 255, 0.0)
        x = layers.GlobalAveragePooling2D(name="features")(maps)
        for number, units in enumerate((1024, 512)):
            x = layers.Dense(units, activation="relu", name=f"dense_{number}")(x)
            x = layers.Dropout(config.dropout, name=f"dropout_{number}")(x)
        return _sigmoid(inputs, x, name), note

    return build


def mobilenet(config: Config) -> tuple[keras.Model, str]:
    """Return Rahman's MobileNet (V1) with global average pooling and one sigmoid unit."""
    return _pooled("mobilenet", keras.applications.MobileNet, config, 1 / 127.5, -1.0)


def mobilenetv2(config: Config) -> tuple[keras.Model, str]:
    """Return MobileNetV2 (Kilaru) with global average pooling and one sigmoid unit."""
    return _pooled("mobilenetv2", keras.applications.MobileNetV2, config, 1 / 127.5, -1.0)


def efficientnetb0(config: Config) -> tuple[keras.Model, str]:
    """Return EfficientNet-B0 (Tan and Le 2019), which scales its pixels itself, with pooling and one sigmoid unit."""
    return _pooled("efficientnetb0", keras.applications.EfficientNetB0, config, 1.0, 0.0)


def resnet18(config: Config) -> tuple[keras.Model, str]:
    """Return ResNet-18 (He et al. 2016), which scales by ImageNet's mean and deviation, with pooling and one sigmoid unit."""
    return _pooled("resnet18", resnet18_graph.ResNet18, config, resnet18_graph.SCALE, resnet18_graph.OFFSET)


def mobilenetv2_attention(config: Config) -> tuple[keras.Model, str]:
    """Return MobileNetV2 whose last feature map is weighed by channel and place (Woo et al. 2018) before it is pooled."""
    inputs, maps, note = _backbone("mobilenetv2", keras.applications.MobileNetV2, config, 1 / 127.5, -1.0)
    x = layers.GlobalAveragePooling2D(name="features")(attention.cbam(maps))
    return _sigmoid(inputs, layers.Dropout(config.dropout, name="dropout")(x), "mobilenetv2_attention"), note


def custom_cnn(config: Config) -> tuple[keras.Model, str]:
    """Return Kondragunta's grayscale CNN (section 4.2; widths 64, 128, 256 and Dense 128 are the reading).

    Each block: 3×3 convolution ("same", ReLU), batch normalisation, dropout, 2×2 max pooling. The layer "featurewise"
    centres and scales by mean and deviation of the training images once it has seen them; until then it does nothing.
    """
    inputs = keras.Input((config.size, config.size, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="scaling")(inputs)
    x = layers.Normalization(axis=-1, name="featurewise")(x)
    for width in (64, 128, 256):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv_{width}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm_{width}")(x)
        x = layers.Dropout(config.dropout, name=f"dropout_{width}")(x)
        x = layers.MaxPooling2D(2, strides=2, padding="same", name=f"pool_{width}")(x)
    x = layers.Flatten(name="features")(x)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    return _sigmoid(inputs, layers.Dropout(config.dropout, name="dropout")(x), "custom_cnn"), "random start"


BUILDERS: dict[str, Callable[[Config], tuple[keras.Model, str]]] = {
    "vgg16": vgg16,
    "resnet50": _resnet(50),
    "resnet101": _resnet(101),
    "resnet152": _resnet(152),
    "resnet18": resnet18,
    "mobilenet": mobilenet,
    "mobilenetv2": mobilenetv2,
    "mobilenetv2_attention": mobilenetv2_attention,
    "efficientnetb0": efficientnetb0,
    "custom_cnn": custom_cnn,
}


def build(config: Config) -> tuple[keras.Model, str]:
    """Return (model, note on its start) for a configuration, with `trainable` set layer by layer."""
    if config.model not in BUILDERS:
        raise CxrError(f"Config: model={config.model!r} is unknown; choose one of {', '.join(BUILDERS)}.")
    model, note = BUILDERS[config.model](config)
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


def _pooled(name: str, application: Callable, config: Config, scale: Scale, offset: Scale) -> tuple[keras.Model, str]:
    inputs, maps, note = _backbone(name, application, config, scale, offset)
    x = layers.GlobalAveragePooling2D(name="features")(maps)
    if config.width:
        x = layers.Dense(config.width, activation="relu", name="dense")(x)
    return _sigmoid(inputs, layers.Dropout(config.dropout, name="dropout")(x), name), note


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
