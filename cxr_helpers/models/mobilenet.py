"""MobileNet (Howard et al. 2017), as Rahman et al. 2024 use it."""

import keras
from keras import layers

from cxr_helpers.config import Config
from cxr_helpers.models import weights


def build(config: Config) -> tuple[keras.Model, str]:
    """Return MobileNet with global average pooling and a sigmoid unit, and how its weights began."""
    pixels = keras.Input((config.size, config.size, 3), name="pixels")
    x = weights.scaled(pixels, config.scaling or "symmetric")
    backbone = keras.applications.MobileNet(include_top=False, weights=None, input_tensor=x)
    start = weights.load(backbone, keras.applications.MobileNet, config.start)
    x = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    if config.width:
        x = layers.Dense(config.width, activation="relu", name="dense")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(pixels, probability, name="mobilenet"), start
