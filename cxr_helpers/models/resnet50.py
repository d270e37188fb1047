"""ResNet (He et al. 2016) of 50, 101 or 152 layers with the head of Kondragunta's thesis."""

import keras
from keras import layers

from cxr_helpers.config import Config
from cxr_helpers.models import weights


def build(config: Config) -> tuple[keras.Model, str]:
    """Return the thesis' ResNet (Table 2: 26,211,201 parameters at depth 50) with a sigmoid unit, and how its weights began."""
    application = getattr(keras.applications, config.model.replace("resnet", "ResNet"))  # ResNet50, ResNet101, ResNet152
    pixels = keras.Input((config.size, config.size, 3), name="pixels")
    x = layers.Rescaling(1 / 255, name="scaling")(pixels)
    backbone = application(include_top=False, weights=None, input_tensor=x)
    start = weights.load(backbone, application, config.start)
    x = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    x = layers.Dense(1024, activation="relu", name="dense_0")(x)
    x = layers.Dropout(config.dropout, name="dropout_0")(x)
    x = layers.Dense(512, activation="relu", name="dense_1")(x)
    x = layers.Dropout(config.dropout, name="dropout_1")(x)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(pixels, probability, name=config.model), start
