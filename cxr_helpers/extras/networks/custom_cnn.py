"""Kondragunta's own convolutional network for grayscale images (section 4.2 of the thesis)."""

import keras
from keras import layers

from cxr_helpers.config import Config


def build(config: Config) -> tuple[keras.Model, str]:
    """Return the network with a sigmoid unit, and how its weights began; widths 64, 128, 256 and Dense 128 are assumptions.

    The layer "featurewise" centres and scales by mean and deviation of the training images once it has seen them.
    """
    pixels = keras.Input((config.size, config.size, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="scaling")(pixels)
    x = layers.Normalization(axis=-1, name="featurewise")(x)
    for width in (64, 128, 256):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv_{width}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm_{width}")(x)
        x = layers.Dropout(config.dropout, name=f"dropout_{width}")(x)
        x = layers.MaxPooling2D(2, strides=2, padding="same", name=f"pool_{width}")(x)
    x = layers.Flatten(name="features")(x)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(pixels, probability, name="custom_cnn"), "random start"
