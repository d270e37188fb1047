"""Keras networks run by other inference backends: exported to a file, loaded from it, and held to Keras' own outputs.

A backend is optional: what is not installed is refused in one sentence (`pip install "cxr-report[backends]"`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from IPython.utils.capture import capture_output

from cxr_helpers.base import lazy, processes
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import runners
from cxr_helpers.training.cached_features import Runner, keras_runner

keras = lazy.module("keras")
run_environment = lazy.module("cxr_helpers.training.run_environment")

KERAS = "keras"
TOLERANCE = 1e-3  # of an export, relative to the largest output
CHOICE = "CXR_BACKEND"  # the environment variable that forces a backend
FEW = 1000  # images; for fewer an export takes longer than another inference backend saves


@dataclasses.dataclass(frozen=True)
class Backend:
    """An inference backend: its name for readers, its pip package and module, Keras' export format and the file's ending.

    `load(module, path, cores)` returns what runs a file; `needs` is what Keras imports to export besides.
    """

    title: str
    package: str
    module: str
    format: str
    suffix: str
    load: Callable[..., Runner]
    needs: tuple[str, ...] = ()

    @property
    def imports(self) -> tuple[str, ...]:
        """Return the modules that an export and its run need."""
        return self.module, *self.needs


BACKENDS = {
    "openvino": Backend("OpenVINO", "openvino", "openvino", "openvino", ".xml", runners.openvino),
    "onnxruntime": Backend("ONNX Runtime", "onnxruntime", "onnxruntime", "onnx", ".onnx", runners.onnxruntime, ("tf2onnx",)),
    "litert": Backend("LiteRT", "ai-edge-litert", "ai_edge_litert.interpreter", "litert", ".tflite", runners.litert),
}
TITLES = {KERAS: "Keras"} | {name: backend.title for name, backend in BACKENDS.items()}


def available() -> list[str]:
    """Return the backends that are installed, Keras first."""
    return [KERAS, *(name for name, backend in BACKENDS.items() if installed(backend.module))]


def best(model: keras.Model) -> str:
    """Return the backend that extracts a model's features: what CXR_BACKEND names, else the fastest that is installed.

    Which that is depends on whether there are depthwise convolutions (`cxr bench extract_mobilenetv2`).

    Raises:
        CxrError: CXR_BACKEND names a backend that is unknown or not installed.
    """
    if forced := os.environ.get(CHOICE):
        if forced not in TITLES:
            raise CxrError(f"{CHOICE}={forced} is unknown: choose one of {', '.join(TITLES)}.")
        if forced != KERAS:
            module(BACKENDS[forced].module, BACKENDS[forced].package)
        return forced
    light = any(type(layer).__name__ == "DepthwiseConv2D" for layer in model._flatten_layers())
    preferred = ("litert", "openvino", "onnxruntime") if light else ("openvino", "onnxruntime", "litert")
    return next((name for name in preferred if all(map(installed, BACKENDS[name].imports))), KERAS)


def export(model: keras.Model, path: Path) -> Path:
    """Write a Keras model for the backend that the ending of `path` names (.xml, .onnx, .tflite), in float32; return `path`.

    Beside an .xml file its weights lie in a .bin file of the same name.

    Raises:
        CxrError: the model augments its images (an export would bake that in), a package is not installed, or Keras fails.
    """
    name = _by_suffix(path)
    backend = BACKENDS[name]
    random = [layer.name for layer in model._flatten_layers() if type(layer).__name__.startswith("Random")]
    if random:
        raise CxrError(f"Model {model.name} augments its images (layer {random[0]}); export the network behind that layer.")
    if name != "litert":  # Keras writes LiteRT files itself
        module(backend.module, backend.package)
    for needed in backend.needs:
        module(needed, needed)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with hushed():
            model(np.zeros((1, *model.input_shape[1:]), np.float32), training=False)  # some formats want it called before
            model.export(str(path), format=backend.format, verbose=False)
    except Exception as error:  # converters raise anything
        raise CxrError(f"Model {model.name} cannot be exported for {backend.title} ({_reason(error, 0)}).") from error
    return path


def load(path: Path, bfloat16: bool = False) -> Runner:
    """Return what runs an exported network: images float32 (n, H, W, C) in 0..255 -> outputs float32 (n, units).

    Args:
        path: a file that `export` wrote.
        bfloat16: compute in bfloat16; only OpenVINO can.

    Raises:
        CxrError: the file is missing or unreadable, or the backend is not installed.
    """
    chosen = BACKENDS[_by_suffix(path)]
    found = module(chosen.module, chosen.package)
    if not path.is_file():
        raise CxrError(f"{path} does not exist; export the network again.")
    try:
        return chosen.load(found, path, processes.cores(), **({"bfloat16": True} if bfloat16 else {}))
    except Exception as error:  # every backend has its own
        raise CxrError(f"{path} cannot be read by {chosen.title} ({_reason(error, -1)}); export the network again.") from error


def _reason(error: Exception, line: int) -> str:
    """Return a line of what an error says, or its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[line][:200]


def runner(model: keras.Model, name: str, folder: Path) -> Runner:
    """Return what runs a Keras model with a backend, exported into `folder` where the backend is not Keras itself."""
    if name == KERAS:
        return keras_runner(model)
    return load(export(model, folder / f"{model.name}{BACKENDS[name].suffix}"))


def forward(backbone: keras.Model, images: int, name: str | None = None) -> Runner:
    """Return what runs the backbone on so many images in all: the backend `name`, by default the best one (`best`).

    Keras runs it where the images are few, where it has an accelerator, and, with a sentence, where another backend cannot or
    differs on the first batch by more than `TOLERANCE`.
    """
    plain = keras_runner(backbone)
    worthwhile = images >= FEW and backbone.compute_dtype == "float32" and run_environment.accelerator() is None
    name = name or (best(backbone) if os.environ.get(CHOICE) or worthwhile else KERAS)
    if name == KERAS:
        return plain
    chosen: list[Runner] = []

    def run(images: np.ndarray) -> np.ndarray:
        if not chosen:
            chosen.append(_agreeing(backbone, name, images, plain(images)) or plain)
        return chosen[0](images)  # the first batch too, so that a run that was stopped between two arrays gives the same

    return run


def _agreeing(backbone: keras.Model, name: str, images: np.ndarray, expected: np.ndarray) -> Runner | None:
    """Return the backend's runner if its outputs are those of Keras; say why not, and return None, if they are not."""
    places = [f"number {place + 1} of the first batch" for place in range(len(images))]
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = runner(backbone, name, Path(folder))
            check(found, images, expected, places, TITLES[name])
            return found
    except Exception as error:  # converters raise anything
        say(f"features: {TITLES[name]} cannot run {backbone.name}: {error} Keras goes on.")
    return None


def check(run: Runner, images: np.ndarray, expected: np.ndarray, image_ids: Sequence[str], what: str) -> float:
    """Return the largest difference between an export's outputs and Keras', relative to the largest output of Keras.

    Args:
        run: the export.
        images: float32 (n, H, W, C) in 0..255.
        expected: (n, units) what Keras makes of them.
        image_ids: the images' names.
        what: the export, for the sentence.

    Raises:
        CxrError: an image differs by more than `TOLERANCE`; it is named.
    """
    gaps = np.abs(run(images) - expected).reshape(len(images), -1).max(axis=1) / max(float(np.abs(expected).max()), 1e-12)
    worst = int(np.argmax(np.where(np.isfinite(gaps), gaps, np.inf)))
    if not gaps[worst] <= TOLERANCE:
        raise CxrError(
            f"{what} differs from Keras by {gaps[worst]:.2g} of the largest output on image {image_ids[worst]}, "
            f"more than {TOLERANCE:g}; export the network again, or run it with Keras ({CHOICE}=keras)."
        )
    return float(gaps[worst])


def _by_suffix(path: Path) -> str:
    for name, backend in BACKENDS.items():
        if path.suffix == backend.suffix:
            return name
    endings = ", ".join(f"{backend.suffix} ({backend.title})" for backend in BACKENDS.values())
    raise CxrError(f"{path.name} is no file of a known backend; its ending must be one of {endings}.")


def installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it."""
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def module(name: str, package: str) -> ModuleType:
    """Return a module of an optional package; one that is not installed is a CxrError that names the pip package."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CxrError(f'{package} is not installed; `pip install "cxr-report[backends]"` brings it and the others.') from error


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
