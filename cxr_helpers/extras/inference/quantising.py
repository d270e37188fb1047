"""Networks in 8-bit integers after training, calibrated on training images, by NNCF for OpenVINO.

Convolutions and large dense layers become int8. What follows the pooled features stays in float32 where it is small: it
costs no bytes, and 256 levels of a score would tie images. So do the first convolutions, which hold few weights and make
most of the error of the whole.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import backends

CALIBRATION_IMAGES = 128
SMALL = 100_000  # weights of a dense layer that stays in float32
EARLY = 15_000  # weights from the image on that stay in float32 too, chosen on validation: three blocks of MobileNetV2
_KINDS = {"MatMul": "dense", "Convolution": "convolution", "GroupConvolution": "convolution"}


class Step(NamedTuple):
    """An operation of a graph: its kind ("dense", "convolution" or ""), the names of its inputs, its number of weights."""

    name: str
    kind: str
    inputs: list[str]
    weights: int = 0


def quantise(model, path: Path, images: np.ndarray) -> Path:
    """Write a Keras model with int8 weights and activations to `path` (.xml, of OpenVINO); return it.

    Args:
        model: float32, without augmentation.
        path: of the graph; its weights come into a .bin file beside it.
        images: float32 (n, H, W, C) in 0..255, training images, from which the ranges of the activations come.

    Raises:
        CxrError: a package is not installed, or the model cannot be quantised.
    """
    ov, nncf = backends.module("openvino", "openvino"), backends.module("nncf", "nncf")
    advanced = backends.module("nncf.quantization.advanced_parameters", "nncf")
    scales = advanced.QuantizationParameters(per_channel=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory() as folder, backends.hushed():
            graph = ov.Core().read_model(backends.export(model, Path(folder) / "whole.xml"))
            made = nncf.quantize(  # biases make up for the mean error of the weights
                graph,
                nncf.Dataset([image[None] for image in np.asarray(images, np.float32)]),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(images),
                ignored_scope=nncf.IgnoredScope(
                    names=kept(map(_step, graph.get_ordered_ops())), types=["Sigmoid", "Log"], validate=False
                ),
                advanced_parameters=advanced.AdvancedQuantizationParameters(activations_quantization_params=scales),
            )
            ov.save_model(made, path, compress_to_fp16=False)
    except CxrError:
        raise
    except Exception as error:  # quantisers raise anything
        raise CxrError(f"Model {model.name} cannot be quantised ({str(error).strip()[-160:]}).") from error
    return path


def _step(node) -> Step:
    kind = _KINDS.get(node.get_type_name(), "")
    sources = [node.input_value(place).get_node().get_friendly_name() for place in range(node.get_input_size())]
    return Step(node.get_friendly_name(), kind, sources, int(np.prod(node.input(1).get_shape())) if kind else 0)


def kept(steps: Iterable[Step]) -> list[str]:
    """Return what stays in float32 of a graph whose steps come in order of computation: small dense layers, early convolutions.

    A convolution is early if any path from the image meets at most `EARLY` weights of convolutions up to and with it.
    """
    met: dict[str, int] = {}
    found = []
    for step in steps:
        weights = step.weights if step.kind == "convolution" else 0
        met[step.name] = max((met.get(each, 0) for each in step.inputs), default=0) + weights
        small = step.kind == "dense" and step.weights < SMALL
        if small or step.kind == "convolution" and met[step.name] <= EARLY:
            found.append(step.name)
    return found
