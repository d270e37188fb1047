"""MobileNetV2 (Sandler et al. 2018), as Kilaru 2025 uses it."""

import keras
from keras import layers

from cxr_helpers.config import Config
from cxr_helpers.models import weights


def build(config: Config) -> tuple[keras.Model, str]:
    """Return MobileNetV2 with global average pooling and a sigmoid unit, and how its weights began."""
    pixels = keras.Input((config.size, config.size, 3), name="pixels")
    x = weights.scaled(pixels, config.scaling or "symmetric")
    backbone = keras.applications.MobileNetV2(include_top=False, weights=None, input_tensor=x)
    start = weights.load(backbone, keras.applications.MobileNetV2, config.start)
    x = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    if config.width:
        x = layers.Dense(config.width, activation="relu", name="dense")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(pixels, probability, name="mobilenetv2"), start
