"""A small U-Net (Ronneberger et al. 2015) that marks lungs and heart on a grayscale image."""

import keras
from keras import layers, ops

STRUCTURES = ("lungs", "heart")  # the channels of its output
WIDTHS = (8, 16, 32, 48, 64)  # filters by level, each at half the side of the level before


def build(size: int, dropout: float = 0.0) -> keras.Model:
    """Return the network: image (size, size, 1) in 0..255 → P(structure) (size, size, 2) in [0, 1], see `STRUCTURES`.

    Every image is brought to mean 0 and deviation 1 inside the model, so that exposure and contrast do not matter. Lungs
    and heart are two sigmoid maps, since they overlap. `size` must be divisible by 16; `dropout` acts at the lowest level.
    """
    inputs = keras.Input((size, size, 1), name="pixels")
    x = layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, epsilon=1e-3, name="standardised")(inputs)
    skipped = []
    for level, width in enumerate(WIDTHS):
        x = _block(layers.MaxPooling2D(2, name=f"down_{level}")(x) if level else x, width, f"encode_{level}")
        skipped.append(x)
    x = layers.Dropout(dropout, name="dropout")(skipped.pop())
    for level in reversed(range(len(skipped))):
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up_{level}")(x)
        x = _block(layers.Concatenate(name=f"join_{level}")([x, skipped[level]]), WIDTHS[level], f"decode_{level}")
    maps = layers.Conv2D(len(STRUCTURES), 1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(inputs, maps, name="unet")


def overlap_loss(truth, probability):
    """Return cross-entropy plus 1 - soft Dice (Milletari et al. 2016), one value an image.

    Args:
        truth: (N, H, W, C) in {0, 1}; below 0 where it is unknown, which does not count.
        probability: (N, H, W, C) in [0, 1].
    """
    known = ops.cast(truth >= 0, probability.dtype)
    truth, probability = truth * known, probability * known
    entropy = ops.mean(ops.binary_crossentropy(truth, probability), axis=(1, 2, 3))
    shared = ops.sum(truth * probability, axis=(1, 2))
    total = ops.sum(truth, axis=(1, 2)) + ops.sum(probability, axis=(1, 2))
    return entropy + 1 - ops.mean((2 * shared + 1) / (total + 1), axis=-1)


def _block(x, width: int, name: str):
    """Return two 3×3 convolutions of `width` filters, each with batch normalisation and ReLU."""
    for number in (1, 2):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}_conv_{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm_{number}")(x)
        x = layers.Activation("relu", name=f"{name}_relu_{number}")(x)
    return x
