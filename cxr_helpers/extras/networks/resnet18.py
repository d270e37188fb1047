"""ResNet-18 (He et al. 2016), which keras.applications lacks, in the form of torchvision, and its ImageNet weights.

Layers bear torchvision's names with `_` for `.`, as "layer2_0_downsample_0", so that a weight file's names lead to them.
"""

from pathlib import Path

import keras
import numpy as np
import safetensors
from keras import layers
from safetensors.numpy import load_file

from cxr_helpers import paths
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.models import weights
from cxr_helpers.models.weights import Unavailable

FILE = "resnet18.safetensors"
# torchvision's normalisation of RGB, for pixels in 0..255: (x / 255 - mean) / deviation.
SCALE = tuple(1 / (255 * deviation) for deviation in (0.229, 0.224, 0.225))
OFFSET = tuple(-mean / deviation for mean, deviation in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225)))
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def build(config: Config) -> tuple[keras.Model, str]:
    """Return ResNet-18 with global average pooling and a sigmoid unit, and how its weights began."""
    pixels = keras.Input((config.size, config.size, 3), name="pixels")
    x = layers.Rescaling(SCALE, OFFSET, name="scaling")(pixels)
    backbone = ResNet18(include_top=False, weights=None, input_tensor=x)
    start = weights.load(backbone, ResNet18, config.start)
    x = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    if config.width:
        x = layers.Dense(config.width, activation="relu", name="dense")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(pixels, probability, name="resnet18"), start


def ResNet18(include_top=False, weights=None, input_tensor=None, input_shape=None) -> keras.Model:
    """Return ResNet-18, called as the models of keras.applications are: 11,176,512 trained parameters without the top.

    Args:
        include_top: end in average pooling and 1,000 softmax units, instead of the last feature map.
        weights: None (random start), "imagenet" (`FILE` in the folder CXR_WEIGHTS_DIR) or the path of such a file.
        input_tensor: Keras tensor (N, H, W, 3) to build upon, normalised by `SCALE` and `OFFSET`.
        input_shape: (H, W, 3) of a new input where there is no tensor.

    Raises:
        Unavailable: there are no ImageNet weights.
        CxrError: the weight file cannot be read, or holds other names or shapes than torchvision's ResNet-18.
    """
    images = keras.Input(input_shape) if input_tensor is None else input_tensor
    x = _convolution(images, 64, 7, 2, "conv1", "bn1")
    x = layers.ReLU(name="relu1")(x)
    x = layers.ZeroPadding2D(1, name="pad_pool")(x)  # after a ReLU a border of zeros is no maximum of its own
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for stage, width in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            x = _block(x, width, 2 if stage > 1 and block == 0 else 1, f"layer{stage}_{block}")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avgpool")(x)
        x = layers.Dense(1000, activation="softmax", name="fc")(x)
    model = keras.Model(keras.utils.get_source_inputs(images)[0], x, name="resnet18")
    if weights is not None:
        load_weights(model, _imagenet_file() if weights == "imagenet" else Path(weights))
    return model


def load_weights(model: keras.Model, path: Path) -> None:
    """Set the model's weights from a safetensors file with torchvision's names (as timm/resnet18.tv_in1k has them).

    Raises:
        CxrError: the file cannot be read, or lacks a weight or has it in another shape; the model is then unchanged.
    """
    try:
        stored = load_file(path)
    except (OSError, ValueError, TypeError, safetensors.SafetensorError) as error:
        raise CxrError(f"{path} cannot be read as a safetensors file ({error}); fetch it again.") from error
    found = [_from_torch(layer, weight, stored, path) for layer in model.layers for weight in layer.weights]
    model.set_weights(found)


def _convolution(x, width: int, side: int, stride: int, name: str, norm: str):
    """Return convolution (no bias) and batch normalisation; strided ones are padded by hand, as Keras pads them unevenly."""
    if stride > 1 and side > 1:
        x = layers.ZeroPadding2D(side // 2, name=f"{name}_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.Conv2D(
        width, side, stride, padding, use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=norm)(x)


def _block(x, width: int, stride: int, name: str):
    """Return a basic block: two 3×3 convolutions and the shortcut, by 1×1 convolution where the block halves the map."""
    shortcut = x
    if stride > 1:
        shortcut = _convolution(x, width, 1, stride, f"{name}_downsample_0", f"{name}_downsample_1")
    x = _convolution(x, width, 3, stride, f"{name}_conv1", f"{name}_bn1")
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = _convolution(x, width, 3, 1, f"{name}_conv2", f"{name}_bn2")
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _imagenet_file() -> Path:
    folder = paths.from_environment("CXR_WEIGHTS_DIR")
    if folder is None or not (folder / FILE).is_file():
        raise Unavailable(
            f"The ImageNet weights of resnet18 are not in Keras; put model.safetensors of timm/resnet18.tv_in1k as {FILE} "
            'into the folder CXR_WEIGHTS_DIR, or set start = "random" for this experiment in experiments.toml.'
        )
    return folder / FILE


def _from_torch(layer: keras.Layer, weight, stored: dict[str, np.ndarray], path: Path) -> np.ndarray:
    """Return one weight of the file in Keras' axes: kernels (out, in, H, W) as (H, W, in, out), matrices transposed."""
    kind = weight.path.split("/")[-1]
    norm = isinstance(layer, layers.BatchNormalization)
    name = f"{layer.name.replace('_', '.')}.{_NORM[kind] if norm else 'weight' if kind == 'kernel' else 'bias'}"
    if name not in stored:
        raise CxrError(f"{path} holds no weight {name}; give torchvision's ResNet-18.")
    value = stored[name]
    value = value.transpose({4: (2, 3, 1, 0), 2: (1, 0)}.get(value.ndim, range(value.ndim)))
    if value.shape != tuple(weight.shape):
        raise CxrError(f"{path} has {name} in shape {stored[name].shape}, which does not fit; give torchvision's ResNet-18.")
    return value
