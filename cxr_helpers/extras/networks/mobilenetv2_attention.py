"""MobileNetV2 with attention over its last feature maps: which channels matter, then which places (CBAM; Woo et al. 2018)."""

import keras
from keras import layers, ops

from cxr_helpers.config import Config
from cxr_helpers.models import weights

REDUCTION = 16  # of the channels inside the channel attention, as in Hu et al. 2018 and Woo et al. 2018
SIDE = 7  # of the convolution that weighs the places


def build(config: Config) -> tuple[keras.Model, str]:
    """Return the network with global average pooling and a sigmoid unit, and how its weights began."""
    pixels = keras.Input((config.size, config.size, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, -1.0, name="scaling")(pixels)
    backbone = keras.applications.MobileNetV2(include_top=False, weights=None, input_tensor=x)
    start = weights.load(backbone, keras.applications.MobileNetV2, config.start)
    x = layers.GlobalAveragePooling2D(name="features")(cbam(backbone.output))
    x = layers.Dropout(config.dropout, name="dropout")(x)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(pixels, probability, name="mobilenetv2_attention"), start


def cbam(maps, reduction: int = REDUCTION):
    """Return `maps` (N, H, W, C), a Keras tensor, weighted by channel and by place; all layers begin with "attention".

    Channel weights in (0, 1) come from the mean and the largest value of each channel, through one shared network of
    C / `reduction` hidden units; place weights in (0, 1) from the mean and the largest value over the channels.
    """
    return _by_place(_by_channel(maps, reduction))


def _by_channel(maps, reduction: int):
    channels = maps.shape[-1]
    squeeze = layers.Dense(max(1, channels // reduction), activation="relu", name="attention_squeeze")
    excite = layers.Dense(channels, name="attention_excite")
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="attention_mean")(maps)
    peak = layers.GlobalMaxPooling2D(keepdims=True, name="attention_peak")(maps)
    evidence = layers.Add(name="attention_channel_evidence")([excite(squeeze(mean)), excite(squeeze(peak))])
    weights = layers.Activation("sigmoid", name="attention_channel_weights")(evidence)
    return layers.Multiply(name="attention_by_channel")([maps, weights])


def _by_place(maps):
    mean, peak = ops.mean(maps, axis=-1, keepdims=True), ops.max(maps, axis=-1, keepdims=True)
    evidence = layers.Concatenate(name="attention_place_evidence")([mean, peak])
    convolution = layers.Conv2D(1, SIDE, padding="same", activation="sigmoid", use_bias=False, name="attention_place_weights")
    return layers.Multiply(name="attention_by_place")([maps, convolution(evidence)])
