"""EfficientNet-B0 (Tan and Le 2019), which scales its pixels itself."""

import keras
from keras import layers

from cxr_helpers.config import Config
from cxr_helpers.models import weights


def build(config: Config) -> tuple[keras.Model, str]:
    """Return EfficientNet-B0 with global average pooling and a sigmoid unit, and how its weights began."""
    pixels = keras.Input((config.size, config.size, 3), name="pixels")
    x = layers.Rescaling(1.0, 0.0, name="scaling")(pixels)
    backbone = keras.applications.EfficientNetB0(include_top=False, weights=None, input_tensor=x)
    start = weights.load(backbone, keras.applications.EfficientNetB0, config.start)
    x = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    if config.width:
        x = layers.Dense(config.width, activation="relu", name="dense")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(pixels, probability, name="efficientnetb0"), start
