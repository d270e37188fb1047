"""Keras networks run by OpenVINO, in float32 or bfloat16: exported to a file, loaded from it, and held to Keras' own outputs.

It is optional: where it is not installed it is refused in one sentence (`pip install "cxr-report[backends]"`).
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
from IPython.utils.capture import capture_output

from cxr_helpers.base import environment, lazy
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.training.cached_features import Runner, keras_runner

keras = lazy.module("keras")

KERAS, OPENVINO, BFLOAT16 = "keras", "openvino", "openvino_bf16"
TITLES = {KERAS: "Keras", OPENVINO: "OpenVINO", BFLOAT16: "OpenVINO, bfloat16"}
# The largest difference from Keras, relative to the largest output, that an inference backend's arithmetic may cause.
# In bfloat16 VGG-16 differs by 0.003, MobileNets, of many layers with few weights each, by 0.14.
TOLERANCES = {OPENVINO: 1e-3, BFLOAT16: 0.2}
CHOICE = "CXR_BACKEND"  # the environment variable that forces a backend
FEW = 1000  # images; for fewer an export takes longer than another inference backend saves


def best(exact: bool = False) -> str:
    """Return the backend that extracts features: what CXR_BACKEND names, else the fastest that runs here (`cxr bench`).

    With `exact`, only those that compute in float32 are looked at.

    Raises:
        CxrError: CXR_BACKEND names a backend that is unknown or not installed.
    """
    if forced := os.environ.get(CHOICE):
        if forced not in TITLES:
            raise CxrError(f"{CHOICE}={forced} is unknown: choose one of {', '.join(TITLES)}.")
        if forced != KERAS:
            module("openvino")
        return forced
    return next(filter(_runs, (OPENVINO,) if exact else (BFLOAT16, OPENVINO)), KERAS)


def _runs(name: str) -> bool:
    """Tell whether a backend is installed and, for bfloat16, whether the processor multiplies it (AVX512-BF16; Linux tells)."""
    known = Path("/proc/cpuinfo")
    able = name != BFLOAT16 or (known.is_file() and "avx512_bf16" in known.read_text(encoding="utf-8"))
    return able and installed("openvino")


def export(model: keras.Model, path: Path) -> Path:
    """Write a Keras model for OpenVINO to `path` (.xml), in float32, its weights beside it in a .bin file; return `path`.

    Raises:
        CxrError: the model augments its images (an export would bake that in), OpenVINO is not installed, or Keras fails.
    """
    random = [layer.name for layer in model._flatten_layers() if type(layer).__name__.startswith("Random")]
    if random:
        raise CxrError(f"Model {model.name} augments its images (layer {random[0]}); export the network behind that layer.")
    module("openvino")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with hushed():
            model(np.zeros((1, *model.input_shape[1:]), np.float32), training=False)  # it wants the model called before
            model.export(str(path), format="openvino", verbose=False)
    except Exception as error:  # converters raise anything
        raise CxrError(f"Model {model.name} cannot be exported for OpenVINO ({_reason(error, 0)}).") from error
    return path


def load(path: Path, name: str = OPENVINO) -> Runner:
    """Return what runs an exported network: images float32 (n, H, W, C) in 0..255 -> outputs float32 (n, units).

    Args:
        path: a file that `export` wrote.
        name: `OPENVINO` or `BFLOAT16`.

    Raises:
        CxrError: the file is missing or unreadable, or OpenVINO is not installed.
    """
    found = module("openvino")
    if not path.is_file():
        raise CxrError(f"{path} does not exist; export the network again.")
    try:
        return _compiled(found, path, environment.cores(), name == BFLOAT16)
    except Exception as error:  # it raises kinds of its own
        raise CxrError(f"{path} cannot be read by OpenVINO ({_reason(error, -1)}); export the network again.") from error


def _compiled(ov: ModuleType, path: Path, threads: int, bfloat16: bool) -> Runner:
    """Return what runs several images one by one, each stream on a core of its own: an image's maps stay in the core's cache.

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


def _reason(error: Exception, line: int) -> str:
    """Return a line of what an error says, or its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[line][:200]


def runner(model: keras.Model, name: str, folder: Path) -> Runner:
    """Return what runs a Keras model with a backend, exported into `folder` where the backend is not Keras itself."""
    if name == KERAS:
        return keras_runner(model)
    return load(export(model, folder / f"{model.name}.xml"), name)


def chosen(backbone: keras.Model, images: int) -> str:
    """Return the backend that runs a backbone on so many images in all: the best, or Keras where they are few or it is fast.

    Networks with depthwise convolutions, which bfloat16 changes most, are computed in float32 unless CXR_BACKEND says otherwise.
    """
    light = any(isinstance(layer, keras.layers.DepthwiseConv2D) for layer in backbone._flatten_layers())
    worthwhile = images >= FEW and backbone.compute_dtype == "float32" and environment.accelerator() is None
    return best(exact=light) if os.environ.get(CHOICE) or worthwhile else KERAS


def forward(backbone: keras.Model, images: int, name: str | None = None) -> Runner:
    """Return what runs the backbone on so many images in all: the backend `name`, by default the `chosen` one.

    Its `arithmetic` says in which precision. Keras runs it, with a sentence, where another backend cannot or differs on the first
    batch by more than its tolerance.
    """
    plain, name = keras_runner(backbone), name or chosen(backbone, images)
    if name == KERAS:
        return plain
    found: list[Runner] = []

    def run(images: np.ndarray) -> np.ndarray:
        if not found:
            found.append(_agreeing(backbone, name, images, plain(images)) or plain)
            run.arithmetic = "bfloat16" if name == BFLOAT16 and found != [plain] else "float32"
        return found[0](images)  # the first batch too, so that a run that was stopped between two arrays gives the same

    run.arithmetic = "bfloat16" if name == BFLOAT16 else "float32"
    return run


def _agreeing(backbone: keras.Model, name: str, images: np.ndarray, expected: np.ndarray) -> Runner | None:
    """Return the backend's runner if its outputs are those of Keras; say why not, and return None, if they are not."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = runner(backbone, name, Path(folder))
            check(found, images, expected, name)
            return found
    except Exception as error:  # converters raise anything
        say(f"features: {TITLES[name]} cannot run {backbone.name}: {error} Keras goes on.")
    return None


def check(run: Runner, images: np.ndarray, expected: np.ndarray, name: str) -> float:
    """Return the largest difference between an export's outputs and Keras', relative to the largest output of Keras.

    Args:
        run: the export.
        images: float32 (n, H, W, C) in 0..255.
        expected: (n, units) what Keras makes of them.
        name: the backend.

    Raises:
        CxrError: an image differs by more than the backend's tolerance; its place is named.
    """
    gaps = np.abs(run(images) - expected).reshape(len(images), -1).max(axis=1) / max(float(np.abs(expected).max()), 1e-12)
    worst = int(np.argmax(np.where(np.isfinite(gaps), gaps, np.inf)))
    if not gaps[worst] <= TOLERANCES[name]:
        raise CxrError(
            f"{TITLES[name]} differs from Keras by {gaps[worst]:.2g} of the largest output on image {worst + 1}, "
            f"more than {TOLERANCES[name]:g}; export the network again, or run it with Keras ({CHOICE}=keras)."
        )
    return float(gaps[worst])


def installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def module(name: str) -> ModuleType:
    """Return the module of an optional package of that name; one that is not installed is a CxrError that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CxrError(f'{name} is not installed; `pip install "cxr-report[backends]"` brings it and the others.') from error


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep converters from telling of their steps, in a notebook too, where some draw bars as HTML."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with capture_output(stdout=True, stderr=False, display=True):
            yield
    finally:
        logging.disable(before)
