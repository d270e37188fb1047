"""ImageNet weights: from CXR_WEIGHTS_DIR, else from Keras' own download, else a clear refusal."""

import hashlib
from collections.abc import Callable

import keras

from cxr_helpers import paths
from cxr_helpers.errors import CxrError

SCALINGS = {"unit": (1 / 255, 0.0), "symmetric": (1 / 127.5, -1.0)}  # factor and offset of pixels 0..255
# Weight files that are known by content: network -> file name, SHA-256 and the note for the run record.
LOCAL = {
    "mobilenet": (
        "mobilenet_1_0_224_tf_no_top.weights.h5",
        "ec6a6c83a45ec8afad349f9781269fa69e2c0c8171dcd5214f899b9620ca2f0a",
        "ImageNet, from the 8-bit release",
    ),
    "mobilenetv2": (
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.weights.h5",
        "90bebe999e4ae91abe412bef2f5aec523e4740e73248496fdf2505126aaa98f2",
        "ImageNet, from the 8-bit release",
    ),
    "vgg16": (  # Keras' own numbers in the newer of its two formats
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.weights.h5",
        "a2f51117308129c3de9a523c91d35160eb75a6a9e5db1e2afb4f48e48dfb733a",
        "ImageNet",
    ),
    "resnet18_layer3": (
        "resnet18_stem_to_layer3_bnfolded.npz",
        "ea2f136c0465d1a98e2b1faa8ad43c5901e2cc3ff7518eafc21cb8d803db869d",
        "ImageNet, ResNet-18 up to layer 3",
    ),
}


def scaled(pixels: keras.KerasTensor, scaling: str) -> keras.KerasTensor:
    """Return the input (N, H, W, C) in 0..255 after the layer "scaling", in the range that `SCALINGS` names."""
    return keras.layers.Rescaling(*SCALINGS[scaling], name="scaling")(pixels)


def load(backbone: keras.Model, application: Callable[..., keras.Model], start: str) -> str:
    """Give a backbone, which `application` built, its first weights; return in words for the record how they began.

    With start "random" batch normalisation forgets faster: Keras' momenta of 0.99 and 0.999 outlast a short run.

    Raises:
        CxrError: the ImageNet weights are not on this machine and cannot be downloaded, or the file is another or broken.
    """
    if start == "random":
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.9
        return "random start"
    name = application.__name__.lower()
    source, note = find(name)
    try:
        pretrained = application(include_top=False, weights=source, input_shape=backbone.input_shape[1:])
    except Exception as error:  # Keras raises anything from URLError to a bare Exception here
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise CxrError(
            f"The ImageNet weights of {name} could not be downloaded ({reason}); connect to a network, put them into "
            'the folder CXR_WEIGHTS_DIR, or set start = "random" for this experiment in experiments.toml.'
        ) from error
    backbone.set_weights(pretrained.get_weights())
    return note


def find(model: str) -> tuple[str, str]:
    """Return (`weights` argument for keras.applications, note for the record) of a backbone's ImageNet weights.

    A file in CXR_WEIGHTS_DIR is used after its SHA-256 was checked; without one Keras downloads its own.
    """
    folder = paths.from_environment("CXR_WEIGHTS_DIR")
    name, sha256, note = LOCAL.get(model, ("", "", ""))
    if folder and name and (path := folder / name).is_file():
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise CxrError(f"{path} is not the expected weight file (its SHA-256 differs); fetch it again.")
        return str(path), note
    return "imagenet", "ImageNet, from Keras"
