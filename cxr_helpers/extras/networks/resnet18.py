"""ResNet-18 (He et al. 2016), which keras.applications lacks, in the form of torchvision: whole, or up to its layer 3.

Layers bear torchvision's names with `_` for `.`, as "layer2_0_downsample_0", so that a weight file's names lead to them.
"""

import keras
import numpy as np
from keras import layers

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.models import weights

WIDTHS = {"resnet18": (64, 128, 256, 512), "resnet18_layer3": (64, 128, 256)}  # of the stages "layer1", "layer2", ...
# torchvision's normalisation of RGB, for pixels in 0..255: (x / 255 - mean) / deviation.
SCALE = tuple(1 / (255 * deviation) for deviation in (0.229, 0.224, 0.225))
OFFSET = tuple(-mean / deviation for mean, deviation in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225)))
_EPSILON = 1e-5


def build(config: Config) -> tuple[keras.Model, str]:
    """Return the network with global average pooling and a sigmoid unit, and how its weights began.

    Raises:
        CxrError: the ImageNet weights are not here (those of the whole network cannot be had at all), or another file is.
    """
    pixels = keras.Input((config.size, config.size, 3), name="pixels")
    x = layers.Rescaling(SCALE, OFFSET, name="scaling")(pixels)
    backbone = keras.Model(pixels, _stages(x, WIDTHS[config.model]), name=config.model)
    start = _load(backbone) if config.start == "imagenet" else "random start"
    x = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    if config.width:
        x = layers.Dense(config.width, activation="relu", name="dense")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(pixels, probability, name=config.model), start


def _stages(x, widths: tuple[int, ...]):
    """Return the stem and a stage of two blocks for each width, on normalised images `x`."""
    x = _convolution(x, 64, 7, 2, "conv1", "bn1")
    x = layers.ReLU(name="relu1")(x)
    x = layers.ZeroPadding2D(1, name="pad_pool")(x)  # after a ReLU a border of zeros is no maximum of its own
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for stage, width in enumerate(widths, start=1):
        for block in range(2):
            x = _block(x, width, 2 if stage > 1 and block == 0 else 1, f"layer{stage}_{block}")
    return x


def _convolution(x, width: int, side: int, stride: int, name: str, norm: str):
    """Return convolution (no bias) and batch normalisation; strided ones are padded by hand, as Keras pads them unevenly."""
    if stride > 1 and side > 1:
        x = layers.ZeroPadding2D(side // 2, name=f"{name}_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.Conv2D(width, side, stride, padding, use_bias=False, kernel_initializer="he_normal", name=name)(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=_EPSILON, name=norm)(x)


def _block(x, width: int, stride: int, name: str):
    """Return a basic block: two 3×3 convolutions and the shortcut, by 1×1 convolution where the block halves the map."""
    shortcut = x
    if stride > 1:
        shortcut = _convolution(x, width, 1, stride, f"{name}_downsample_0", f"{name}_downsample_1")
    x = _convolution(x, width, 3, stride, f"{name}_conv1", f"{name}_bn1")
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = _convolution(x, width, 3, 1, f"{name}_conv2", f"{name}_bn2")
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _load(backbone: keras.Model) -> str:
    """Set a backbone's weights from a file of torchvision's names, batch normalisation folded in; return the record's note.

    Kernels lie there as (out, in, H, W); the normalisation is left with the bias alone.
    """
    path, note = weights.find(backbone.name)
    if path == "imagenet":
        raise CxrError(
            f"The ImageNet weights of {backbone.name} are not in Keras: put {weights.LOCAL['resnet18_layer3'][0]} into the "
            'folder CXR_WEIGHTS_DIR and set model = "resnet18_layer3", or start = "random", in experiments.toml.'
        )
    with np.load(path) as stored:
        for layer in backbone.layers:
            name = layer.name.replace("_", ".")
            if isinstance(layer, layers.Conv2D):
                layer.set_weights([stored[f"{name}.weight"].transpose(2, 3, 1, 0)])
            elif isinstance(layer, layers.BatchNormalization):
                bias = stored[f"{name.replace('bn', 'conv').replace('downsample.1', 'downsample.0')}.bias"]
                one, zero = np.ones_like(bias), np.zeros_like(bias)
                layer.set_weights([one * np.sqrt(1 + _EPSILON), bias, zero, one])
    return note
