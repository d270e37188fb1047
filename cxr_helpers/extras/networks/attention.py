"""Attention over feature maps: which channels matter, then which places (CBAM; Woo et al. 2018)."""

from keras import layers, ops

REDUCTION = 16  # of the channels inside the channel attention, as in Hu et al. 2018 and Woo et al. 2018
SIDE = 7  # of the convolution that weighs the places


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
