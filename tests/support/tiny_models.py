"""Models small enough to know by hand what they look at."""

import keras
import numpy as np

SIDE = 32
GREY, WHITE = 127, 254


def two_blobs() -> np.ndarray:
    """Return a grey image (SIDE, SIDE) uint8, mid-grey, with a bright blob at (8, 8) and a dark one at (24, 20)."""
    image = np.full((SIDE, SIDE), GREY, "uint8")
    image[6:10, 6:10] = WHITE
    image[22:26, 18:22] = 0
    return image


def detector(units: int = 1, bias: float = 0.0, channels: int = 1) -> keras.Model:
    """Return a classifier in which brightness above mid-grey speaks for PNEUMONIA, darkness below it for NORMAL.

    Two 1×1 filters see grey value / 127 - 1 and its negative, 4×4 means make maps of 8×8, their averages count with
    weight +3 and -3. `units`: one sigmoid or two softmax units.
    """
    inputs = keras.Input((SIDE, SIDE, channels))
    x = keras.layers.Rescaling(1 / GREY, -1, name="scaling")(inputs)
    x = keras.layers.Conv2D(2, 1, activation="relu", name="filters")(x)
    x = keras.layers.AveragePooling2D(4, name="maps")(x)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    activation = "sigmoid" if units == 1 else "softmax"
    model = keras.Model(inputs, keras.layers.Dense(units, activation=activation, name="probability")(x))
    kernel = np.stack([np.full((1, 1, channels), 1 / channels), np.full((1, 1, channels), -1 / channels)], axis=-1)
    model.get_layer("filters").set_weights([kernel, np.zeros(2)])
    head = np.array([[3.0], [-3.0]]) if units == 1 else np.array([[-1.0, 2.0], [1.0, -2.0]])  # log-odds: 3 and -3
    model.get_layer("probability").set_weights([head, np.full(units, bias) * ([1.0] if units == 1 else [0.0, 1.0])])
    return model


def nested() -> keras.Model:
    """Return `detector` with its layers before the pooling inside a model of their own."""
    flat = detector()
    inner = keras.Model(flat.input, flat.get_layer("maps").output, name="backbone")
    inputs = keras.Input((SIDE, SIDE, 1))
    x = keras.layers.GlobalAveragePooling2D()(inner(inputs, training=False))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    model.layers[-1].set_weights(flat.get_layer("probability").get_weights())
    return model


def linear(weights: np.ndarray) -> keras.Model:
    """Return a classifier whose log-odds are the sum of `weights` (H, W) × grey value."""
    inputs = keras.Input((*weights.shape, 1))
    outputs = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.layers[-1].set_weights([weights.reshape(-1, 1), np.zeros(1)])
    return model
