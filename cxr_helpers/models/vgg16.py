"""VGG-16 (Simonyan and Zisserman 2015) with the head of Kondragunta's thesis."""

import keras
from keras import layers

from cxr_helpers.config import Config
from cxr_helpers.models import weights


def build(config: Config) -> tuple[keras.Model, str]:
    """Return the thesis' VGG-16 (Table 1: 40,407,874 parameters at 224×224) with two softmax units, and how its weights began."""
    pixels = keras.Input((config.size, config.size, 3), name="pixels")
    x = weights.scaled(pixels, config.scaling or "unit")
    backbone = keras.applications.VGG16(include_top=False, weights=None, input_tensor=x)
    start = weights.load(backbone, keras.applications.VGG16, config.start)
    x = layers.Flatten(name="features")(backbone.output)
    x = layers.Dense(1024, activation="relu", name="dense")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    probability = layers.Dense(2, activation="softmax", dtype="float32", name="probability")(x)
    return keras.Model(pixels, probability, name="vgg16"), start
