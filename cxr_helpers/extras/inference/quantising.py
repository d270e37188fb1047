"""Networks in 8-bit integers after training, calibrated on training images: by NNCF, for LiteRT by its own converter.

Convolutions and large dense layers become int8, weights with a scale a channel where the backend has it. What follows the
pooled features stays in float32 where it is small: it costs no bytes, and 256 levels of a score would tie images. So do the
first convolutions, which hold few weights and make most of the error of the whole.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import backends

CALIBRATION_IMAGES = 128
SMALL = 100_000  # weights of a dense layer that stays in float32
EARLY = 15_000  # weights from the image on that stay in float32 too, chosen on validation: three blocks of MobileNetV2


class Step(NamedTuple):
    """An operation of a graph: its kind ("dense", "convolution" or ""), names of inputs and outputs, number of weights."""

    name: str
    kind: str
    inputs: list[str]
    outputs: list[str]
    weights: int = 0


def quantise(model, path: Path, images: np.ndarray) -> Path:
    """Write a Keras model with int8 weights and activations for the backend that the ending of `path` names; return `path`.

    Args:
        model: float32, without augmentation.
        path: ends in .onnx (QDQ, for ONNX Runtime and OpenVINO), .xml (OpenVINO) or .tflite (LiteRT, full int8).
        images: float32 (n, H, W, C) in 0..255, training images, from which the ranges of the activations come.

    Raises:
        CxrError: a package is not installed, or the ending is unknown.
    """
    if path.suffix not in _QUANTISERS:
        raise CxrError(f"{path.name} cannot be quantised; its ending must be one of {', '.join(_QUANTISERS)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _QUANTISERS[path.suffix](model, path, np.asarray(images, np.float32))
    except CxrError:
        raise
    except Exception as error:  # quantisers raise anything
        raise CxrError(f"Model {model.name} cannot be quantised for {path.suffix} ({str(error).strip()[-160:]}).") from error
    return path


def _onnx(model, path: Path, images: np.ndarray) -> None:
    onnx = backends.module("onnx", "onnx")
    with tempfile.TemporaryDirectory() as folder:
        whole = onnx.load(str(backends.export(model, Path(folder) / "whole.onnx")))
    sizes = {each.name: int(np.prod(each.dims)) for each in whole.graph.initializer}
    kinds = {"MatMul": "dense", "Gemm": "dense", "Conv": "convolution"}
    steps = []
    for node in whole.graph.node:
        weights = max((sizes.get(each, 0) for each in node.input), default=0)
        steps.append(Step(node.name, kinds.get(node.op_type, ""), node.input, node.output, weights))
    source = whole.graph.input[0].name
    onnx.save(_quantised(whole, [{source: image[None]} for image in images], kept(steps)), str(path))


def _openvino(model, path: Path, images: np.ndarray) -> None:
    ov = backends.module("openvino", "openvino")
    kinds = {"MatMul": "dense", "Convolution": "convolution", "GroupConvolution": "convolution"}
    with tempfile.TemporaryDirectory() as folder:
        graph, steps = ov.Core().read_model(backends.export(model, Path(folder) / "whole.xml")), []
        for node in graph.get_ordered_ops():
            name, kind = node.get_friendly_name(), kinds.get(node.get_type_name(), "")
            sources = [node.input_value(place).get_node().get_friendly_name() for place in range(node.get_input_size())]
            steps.append(Step(name, kind, sources, [name], int(np.prod(node.input(1).get_shape())) if kind else 0))
        ov.save_model(_quantised(graph, [image[None] for image in images], kept(steps)), path, compress_to_fp16=False)


def kept(steps: list[Step]) -> list[str]:
    """Return what stays in float32 of a graph whose steps come in order of computation: small dense layers, early convolutions.

    A convolution is early if any path from the image meets at most `EARLY` weights of convolutions up to and with it.
    """
    dense = [step.name for step in steps if step.kind == "dense" and step.weights < SMALL]
    met: dict[str, int] = {}
    early = []
    for step in steps:
        convolves = step.kind == "convolution"
        total = max((met.get(each, 0) for each in step.inputs), default=0) + (step.weights if convolves else 0)
        met |= dict.fromkeys(step.outputs, total)
        if convolves and total <= EARLY:
            early.append(step.name)
    return dense + early


def _quantised(graph, images: list, kept: list[str]):
    """Return a graph in int8 whose convolutions' biases make up for the mean error of their weights."""
    nncf = backends.module("nncf", "nncf")
    settings = backends.module("nncf.quantization.advanced_parameters", "nncf")
    scales = settings.QuantizationParameters(per_channel=False)  # ONNX Runtime reads one for all activations of a layer
    options = {
        "preset": nncf.QuantizationPreset.MIXED,
        "subset_size": len(images),
        "ignored_scope": nncf.IgnoredScope(names=kept, types=["Sigmoid", "Log"], validate=False),
        "advanced_parameters": settings.AdvancedQuantizationParameters(activations_quantization_params=scales),
    }
    with backends.hushed():
        return nncf.quantize(graph, nncf.Dataset(images), **options)


def _litert(model, path: Path, images: np.ndarray) -> None:
    tf = backends.module("tensorflow", "tensorflow")
    calibration = {"representative_dataset": lambda: ([image[None]] for image in images)}
    backends.write(model, path, "litert", optimizations=[tf.lite.Optimize.DEFAULT], **calibration)


_QUANTISERS = {".onnx": _onnx, ".xml": _openvino, ".tflite": _litert}


def size(path: Path) -> int:
    """Return the bytes of an exported network, its weights included where they lie in a file of their own."""
    beside = path.with_suffix(".bin")
    return path.stat().st_size + (beside.stat().st_size if path.suffix == ".xml" and beside.is_file() else 0)
