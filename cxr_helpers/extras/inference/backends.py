"""Keras networks run by other engines: exported to a file, loaded from it, and held to Keras' own answers.

An engine is optional: what is not installed is refused in one sentence (`pip install "cxr-report[engines]"`).
"""

import contextlib
import dataclasses
import importlib
import importlib.util
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np

from cxr_helpers.base import processes
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.training import devices
from cxr_helpers.training.cached_features import Runner, keras_runner

KERAS = "keras"
TOLERANCE = 1e-3  # of an export, relative to the largest output
CHOICE = "CXR_ENGINE"  # the environment variable that forces an engine
FEW = 1000  # images; for fewer an export takes longer than another inference backend saves


@dataclasses.dataclass(frozen=True)
class Engine:
    """An engine: its name for readers, its pip package, what is imported of it, its Keras export format and file's ending."""

    title: str
    package: str
    module: str
    format: str
    suffix: str


ENGINES = {
    "openvino": Engine("OpenVINO", "openvino", "openvino", "openvino", ".xml"),
    "onnxruntime": Engine("ONNX Runtime", "onnxruntime", "onnxruntime", "onnx", ".onnx"),
    "litert": Engine("LiteRT", "ai-edge-litert", "ai_edge_litert.interpreter", "litert", ".tflite"),
}
TITLES = {KERAS: "Keras"} | {name: engine.title for name, engine in ENGINES.items()}
_PREFERRED = ("openvino", "onnxruntime", "litert")  # for features
_LIGHT = ("litert", "openvino", "onnxruntime")  # the same for depthwise convolutions (`cxr bench extract_mobilenetv2`)
_CONVERTER = {"onnx": "tf2onnx"}  # what Keras needs beside the engine to export to a format


def available() -> list[str]:
    """Return the engines that are installed, Keras first."""
    return [KERAS, *(name for name, engine in ENGINES.items() if installed(engine.module))]


def best(model) -> str:
    """Return the engine that a Keras model's features are extracted with: what CXR_ENGINE names, else the fastest installed.

    Raises:
        CxrError: CXR_ENGINE names an engine that is unknown or not installed.
    """
    forced = os.environ.get(CHOICE)
    if forced:
        if forced not in TITLES:
            raise CxrError(f"{CHOICE}={forced} is unknown: choose one of {', '.join(TITLES)}.")
        if forced != KERAS:
            module(ENGINES[forced].module, ENGINES[forced].package)
        return forced
    light = any(type(layer).__name__ == "DepthwiseConv2D" for layer in model._flatten_layers())
    usable = [name for name in (_LIGHT if light else _PREFERRED) if installed(ENGINES[name].module) and _exports(name)]
    return usable[0] if usable else KERAS


def export(model, path: Path) -> Path:
    """Write a Keras model for the engine that the ending of `path` names (.xml, .onnx, .tflite), in float32; return `path`.

    Beside an .xml file its weights lie in a .bin file of the same name.

    Raises:
        CxrError: the model augments its images (an export would bake that in), or a package is not installed.
    """
    name = _by_suffix(path)
    engine = ENGINES[name]
    random = [layer.name for layer in model._flatten_layers() if type(layer).__name__.startswith("Random")]
    if random:
        raise CxrError(f"Model {model.name} augments its images (layer {random[0]}); export the network behind that layer.")
    if name != "litert":  # Keras writes LiteRT files itself
        module(engine.module, engine.package)
    if engine.format in _CONVERTER:
        module(_CONVERTER[engine.format], _CONVERTER[engine.format])
    path.parent.mkdir(parents=True, exist_ok=True)
    write(model, path, name)
    return path


def write(model, path: Path, name: str, **options) -> None:
    """Have Keras write a model in an engine's format; `options` go to its exporter. What fails there is a CxrError."""
    try:
        with hushed():
            model(np.zeros((1, *model.input_shape[1:]), np.float32), training=False)  # some formats want it called before
            model.export(str(path), format=ENGINES[name].format, verbose=False, **options)
    except Exception as error:  # converters raise anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CxrError(f"Model {model.name} cannot be exported for {ENGINES[name].title} ({reason[:200]}).") from error


def load(path: Path, threads: int | None = None, engine: str | None = None, bfloat16: bool = False) -> Runner:
    """Return what runs an exported network: images float32 (n, H, W, C) in 0..255 -> outputs float32 (n, units).

    Args:
        path: a file that `export` or `quantising` wrote.
        threads: processor cores, by default all.
        engine: which one, where several read the format; OpenVINO also reads .onnx files.
        bfloat16: compute in bfloat16; only OpenVINO can.

    Raises:
        CxrError: the file is missing or unreadable, or the engine is not installed.
    """
    name, count = engine or _by_suffix(path), threads or processes.cores()
    found = module(ENGINES[name].module, ENGINES[name].package)
    if not path.is_file():
        raise CxrError(f"{path} does not exist; export the network again.")
    try:
        return _LOADERS[name](found, path, count, **({"bfloat16": True} if bfloat16 else {}))
    except Exception as error:  # every engine has its own
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise CxrError(f"{path} cannot be read by {ENGINES[name].title} ({reason[:200]}); export the network again.") from error


def runner(model, name: str, folder: Path, threads: int | None = None) -> Runner:
    """Return what runs a Keras model with an engine, exported into `folder` where the engine is not Keras itself."""
    if name == KERAS:
        return keras_runner(model)
    return load(export(model, folder / f"{model.name}{ENGINES[name].suffix}"), threads)


def forward(backbone, images: int, name: str | None = None) -> Runner:
    """Return what runs the backbone on so many images in all: the inference backend `name`, by default the best one (`best`).

    Keras runs it where the images are few, where it has an accelerator, and, with a sentence, where another engine cannot or
    differs on the first batch by more than `TOLERANCE`.
    """
    plain = keras_runner(backbone)
    name = name or (best(backbone) if os.environ.get(CHOICE) or _worthwhile(backbone, images) else KERAS)
    if name == KERAS:
        return plain
    chosen: list[Runner] = []

    def run(images: np.ndarray) -> np.ndarray:
        if not chosen:
            chosen.append(_agreeing(backbone, name, images, plain(images)) or plain)
        return chosen[0](images)  # the first batch too, so that a run that was stopped between two arrays gives the same

    return run


def _worthwhile(backbone, images: int) -> bool:
    return images >= FEW and devices.on_processor() and backbone.compute_dtype == "float32"


def _agreeing(backbone, name: str, images: np.ndarray, expected: np.ndarray) -> Runner | None:
    """Return the engine's runner if its outputs are those of Keras; say why not, and return None, if they are not."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = runner(backbone, name, Path(folder))
            places = [f"number {place + 1} of the first batch" for place in range(len(images))]
            check(found, images, expected, places, TITLES[name])
        return found
    except CxrError as error:
        say(f"features: {error} Keras goes on.")
    except Exception as error:  # converters raise anything
        say(f"features: {TITLES[name]} cannot run {backbone.name} ({type(error).__name__}); Keras goes on.")
    return None


def check(
    run: Runner, images: np.ndarray, expected: np.ndarray, image_ids: Sequence[str], what: str, tolerance: float = TOLERANCE
) -> float:
    """Return the largest difference between an export's outputs and Keras', relative to the largest output of Keras.

    Args:
        run: the export.
        images: float32 (n, H, W, C) in 0..255.
        expected: (n, units) what Keras makes of them.
        image_ids: the images' names.
        what: the export, for the sentence.
        tolerance: the largest difference that is allowed.

    Raises:
        CxrError: an image differs by more; it is named.
    """
    gaps = np.abs(run(images) - expected).reshape(len(images), -1).max(axis=1) / max(float(np.abs(expected).max()), 1e-12)
    worst = int(np.argmax(np.where(np.isfinite(gaps), gaps, np.inf)))
    if not gaps[worst] <= tolerance:
        raise CxrError(
            f"{what} differs from Keras by {gaps[worst]:.2g} of the largest output on image {image_ids[worst]}, "
            f"more than {tolerance:g}; export the network again, or run it with Keras ({CHOICE}=keras)."
        )
    return float(gaps[worst])


def _openvino(ov: ModuleType, path: Path, threads: int, bfloat16: bool = False) -> Runner:
    """Run several images one by one, each stream on a core of its own: an image's maps stay in the core's cache.

    A single image has all cores.
    """
    core = ov.Core()
    network = core.read_model(path)
    network.reshape([1, *list(network.inputs[0].partial_shape)[1:]])

    def one_by_one(request) -> Runner:
        return lambda images: np.concatenate([request.infer([image[None]], share_inputs=True)[0].copy() for image in images])

    def workers(streams: int) -> list[Runner]:
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            "PERFORMANCE_HINT": "THROUGHPUT" if streams > 1 else "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",  # unasked, some processors take bfloat16
        }
        compiled = core.compile_model(network, "CPU", settings)
        return [one_by_one(compiled.create_infer_request()) for _ in range(streams)]

    return _spread(workers, threads)


def _onnxruntime(ort: ModuleType, path: Path, threads: int) -> Runner:
    """Run batches of four: larger ones leave the cache and gain nothing."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()

    def run(images: np.ndarray) -> np.ndarray:
        images = np.asarray(images, np.float32)
        return np.concatenate([session.run(None, {source.name: images[at : at + 4]})[0] for at in range(0, len(images), 4)])

    return run


def _litert(litert: ModuleType, path: Path, threads: int) -> Runner:
    """Run image by image, each thread its own images; a single image has all cores."""
    return _spread(lambda count: [_interpreter(litert, path, threads // count) for _ in range(count)], threads)


def _spread(workers: Callable[[int], list[Runner]], threads: int) -> Runner:
    """Return what gives a single image to one worker and several to one a thread; `workers(count)` makes so many, once."""
    made: dict[int, list[Runner]] = {}

    def run(images: np.ndarray) -> np.ndarray:
        images = np.ascontiguousarray(images, np.float32)
        count = min(threads, len(images))
        if count not in made:
            made[count] = workers(count)
        if count == 1:
            return made[1][0](images)
        with ThreadPoolExecutor(count) as pool:
            parts = list(pool.map(lambda place: made[count][place](images[place::count]), range(count)))
        out = np.empty((len(images), *parts[0].shape[1:]), np.float32)
        for place, part in enumerate(parts):
            out[place::count] = part
        return out

    return run


def _interpreter(litert: ModuleType, path: Path, threads: int) -> Runner:
    found = litert.Interpreter(str(path), num_threads=threads)
    found.allocate_tensors()
    (source,), (target,) = found.get_input_details(), found.get_output_details()

    def run(images: np.ndarray) -> np.ndarray:
        out = np.empty((len(images), *target["shape"][1:]), np.float32)
        for place in range(len(images)):
            found.set_tensor(source["index"], images[place : place + 1])
            found.invoke()
            out[place] = found.get_tensor(target["index"])[0]
        return out

    return run


_LOADERS = {"openvino": _openvino, "onnxruntime": _onnxruntime, "litert": _litert}


def _by_suffix(path: Path) -> str:
    for name, engine in ENGINES.items():
        if path.suffix == engine.suffix:
            return name
    endings = ", ".join(f"{engine.suffix} ({engine.title})" for engine in ENGINES.values())
    raise CxrError(f"{path.name} is no file of a known engine; its ending must be one of {endings}.")


def installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it."""
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def _exports(name: str) -> bool:
    converter = _CONVERTER.get(ENGINES[name].format)
    return converter is None or installed(converter)


def module(name: str, package: str) -> ModuleType:
    """Return a module of an optional package; one that is not installed is a CxrError that names the pip package."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CxrError(
            f'{package} is not installed; `pip install "cxr-report[engines]"` brings it and the other engines.'
        ) from error


@contextlib.contextmanager
def hushed():
    """Keep converters from telling of their steps, in a notebook too, where some draw bars as HTML."""
    from IPython.utils.capture import capture_output

    loggers = [logging.getLogger(name) for name in ("tf2onnx", "tensorflow", "absl", "nncf")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with capture_output(stdout=True, stderr=False, display=True):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
