"""Networks in 8-bit integers after training, calibrated on training images: by NNCF, for LiteRT by its own converter.

Convolutions and large dense layers become int8, weights with a scale a channel where the engine has it. What follows the
pooled features stays in float32 where it is small: it costs no bytes, and 256 levels of a score would tie images. So do the
first convolutions, which hold few weights and make most of the error of the whole.
"""

import tempfile
from pathlib import Path

import numpy as np

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import backends

CALIBRATION_IMAGES = 128
SMALL = 100_000  # weights of a dense layer that stays in float32
EARLY = 15_000  # weights from the image on that stay in float32 too, chosen on validation: three blocks of MobileNetV2


def quantise(model, path: Path, images: np.ndarray) -> Path:
    """Write a Keras model with int8 weights and activations for the engine that the ending of `path` names; return `path`.

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
    onnx, nncf = backends.module("onnx", "onnx"), backends.module("nncf", "nncf")
    with tempfile.TemporaryDirectory() as folder:
        graph = onnx.load(str(backends.export(model, Path(folder) / "whole.onnx")))
    sizes = {each.name: int(np.prod(each.dims)) for each in graph.graph.initializer}
    dense = [node for node in graph.graph.node if node.op_type in ("MatMul", "Gemm")]
    kept = [node.name for node in dense if max(sizes.get(name, 0) for name in node.input) < SMALL]
    steps = []
    for node in graph.graph.node:
        weights = max(sizes.get(each, 0) for each in node.input) if node.op_type == "Conv" else None
        steps.append((node.name, list(node.input), list(node.output), weights))
    kept += _early(steps)
    source = graph.graph.input[0].name
    onnx.save(_quantised(nncf, graph, [{source: image[None]} for image in images], kept), str(path))


def _openvino(model, path: Path, images: np.ndarray) -> None:
    ov, nncf = backends.module("openvino", "openvino"), backends.module("nncf", "nncf")
    with tempfile.TemporaryDirectory() as folder:
        graph = ov.Core().read_model(backends.export(model, Path(folder) / "whole.xml"))
        dense = [node for node in graph.get_ops() if node.get_type_name() == "MatMul"]
        kept = [node.get_friendly_name() for node in dense if np.prod(node.input(1).get_shape()) < SMALL]
        steps = []
        for node in graph.get_ordered_ops():
            convolves = node.get_type_name() in ("Convolution", "GroupConvolution")
            sources = [node.input_value(place).get_node().get_friendly_name() for place in range(node.get_input_size())]
            weights = int(np.prod(node.input(1).get_shape())) if convolves else None
            steps.append((node.get_friendly_name(), sources, [node.get_friendly_name()], weights))
        kept += _early(steps)
        ov.save_model(_quantised(nncf, graph, [image[None] for image in images], kept), path, compress_to_fp16=False)


def _early(steps: list[tuple[str, list[str], list[str], int | None]]) -> list[str]:
    """Return the first convolutions of a graph: a path from the image meets at most `EARLY` weights up to each.

    `steps`, in order of computation: name, names of inputs and of outputs, weights (None: no convolution).
    """
    met: dict[str, int] = {}
    found = []
    for name, inputs, outputs, weights in steps:
        total = max((met.get(each, 0) for each in inputs), default=0) + (weights or 0)
        met |= dict.fromkeys(outputs, total)
        if weights is not None and total <= EARLY:
            found.append(name)
    return found


def _quantised(nncf, graph, images: list, kept: list[str]):
    """Return a graph in int8 whose convolutions' biases make up for the mean error of their weights."""
    ignored = nncf.IgnoredScope(names=kept, types=["Sigmoid", "Log"], validate=False)
    preset = nncf.QuantizationPreset.MIXED
    # ONNX Runtime reads one scale for all activations of a layer.
    settings = backends.module("nncf.quantization.advanced_parameters", "nncf")
    scales = settings.QuantizationParameters(per_channel=False)
    advanced = settings.AdvancedQuantizationParameters(activations_quantization_params=scales)
    with backends.hushed():
        return nncf.quantize(
            graph, nncf.Dataset(images), preset=preset, subset_size=len(images), ignored_scope=ignored, advanced_parameters=advanced
        )


def _litert(model, path: Path, images: np.ndarray) -> None:
    tf = backends.module("tensorflow", "tensorflow")

    def calibration():
        for image in images:
            yield [image[None]]

    backends.write(model, path, "litert", optimizations=[tf.lite.Optimize.DEFAULT], representative_dataset=calibration)


_QUANTISERS = {".onnx": _onnx, ".xml": _openvino, ".tflite": _litert}


def size(path: Path) -> int:
    """Return the bytes of an exported network, its weights included where they lie in a file of their own."""
    beside = path.with_suffix(".bin")
    return path.stat().st_size + (beside.stat().st_size if path.suffix == ".xml" and beside.is_file() else 0)
