"""Networks in 8-bit integers after training: each engine's own quantiser, calibrated on training films.

Convolutions and large dense layers become int8, weights with a scale a channel where the engine has it. What follows the
pooled features stays in float32 where it is small: it costs no bytes, and 256 levels of a score would tie films.
"""

import tempfile
from pathlib import Path

import numpy as np

from cxr_helpers import engines
from cxr_helpers.errors import CxrError

CALIBRATION_FILMS = 128
SMALL = 100_000  # weights of a dense layer that stays in float32


def quantise(model, path: Path, films: np.ndarray) -> Path:
    """Write a Keras model with int8 weights and activations for the engine that the ending of `path` names; return `path`.

    Args:
        model: float32, without augmentation.
        path: ends in .onnx (ONNX Runtime, static QDQ), .xml (OpenVINO, NNCF) or .tflite (LiteRT, full int8).
        films: float32 (n, H, W, C) in 0..255, training films, from which the ranges of the activations come.

    Raises:
        CxrError: a package is not installed, or the ending is unknown.
    """
    if path.suffix not in _QUANTISERS:
        raise CxrError(f"{path.name} cannot be quantised; its ending must be one of {', '.join(_QUANTISERS)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    _QUANTISERS[path.suffix](model, path, np.asarray(films, np.float32))
    return path


def _onnx(model, path: Path, films: np.ndarray) -> None:
    quantization, shape_inference = (
        engines.module(name, "onnxruntime") for name in ("onnxruntime.quantization", "onnxruntime.quantization.shape_inference")
    )
    onnx = engines.module("onnx", "onnx")
    with tempfile.TemporaryDirectory() as folder:
        whole, prepared = engines.export(model, Path(folder) / "whole.onnx"), Path(folder) / "prepared.onnx"
        shape_inference.quant_pre_process(str(whole), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(str(prepared)).graph
        sizes = {each.name: int(np.prod(each.dims)) for each in graph.initializer}
        dense = [node for node in graph.node if node.op_type in ("MatMul", "Gemm")]
        kept = [node.name for node in dense if max(sizes.get(name, 0) for name in node.input) < SMALL]

        class Films(quantization.CalibrationDataReader):
            def __init__(self) -> None:
                self.left = iter(films)

            def get_next(self):
                film = next(self.left, None)
                return None if film is None else {graph.input[0].name: film[None]}

        quantization.quantize_static(
            str(prepared),
            str(path),
            Films(),
            op_types_to_quantize=["Conv", "MatMul", "Gemm", "Add"],
            nodes_to_exclude=kept,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )


def _openvino(model, path: Path, films: np.ndarray) -> None:
    ov, nncf = engines.module("openvino", "openvino"), engines.module("nncf", "nncf")
    with tempfile.TemporaryDirectory() as folder:
        graph = ov.Core().read_model(engines.export(model, Path(folder) / "whole.xml"))
        dense = [node for node in graph.get_ops() if node.get_type_name() == "MatMul"]
        kept = [node.get_friendly_name() for node in dense if np.prod(node.input(1).get_shape()) < SMALL]
        ignored = nncf.IgnoredScope(names=kept, types=["Sigmoid", "Log"], validate=False)
        calibration = nncf.Dataset([film[None] for film in films])
        preset = nncf.QuantizationPreset.MIXED
        small = nncf.quantize(graph, calibration, preset=preset, subset_size=len(films), ignored_scope=ignored)
        ov.save_model(small, path, compress_to_fp16=False)


def _litert(model, path: Path, films: np.ndarray) -> None:
    tf = engines.module("tensorflow", "tensorflow")

    def calibration():
        for film in films:
            yield [film[None]]

    with engines.hushed():
        model.export(
            str(path), format="litert", verbose=False, optimizations=[tf.lite.Optimize.DEFAULT], representative_dataset=calibration
        )


_QUANTISERS = {".onnx": _onnx, ".xml": _openvino, ".tflite": _litert}


def size(path: Path) -> int:
    """Return the bytes of an exported network, its weights included where they lie in a file of their own."""
    beside = path.with_suffix(".bin")
    return path.stat().st_size + (beside.stat().st_size if path.suffix == ".xml" and beside.is_file() else 0)
