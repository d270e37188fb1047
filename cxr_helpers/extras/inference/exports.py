"""Exported networks as files in the build folder, made once: every engine's format, float32 and int8."""

import hashlib
import shutil
from pathlib import Path

import numpy as np

from cxr_helpers import paths
from cxr_helpers.base.progress import say
from cxr_helpers.data import manifest
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import backends, deployed_networks, quantising
from cxr_helpers.extras.inference.deployed_networks import Network

FLOAT, INT8 = "float32", "int8"
PRECISIONS = (FLOAT, INT8)
_FEW = 8  # images


def usable(precision: str) -> list[str]:
    """Return the engines, Keras left out, that can be exported to in this precision with the packages at hand."""
    needs = {engine: [] for engine in backends.ENGINES}
    needs["onnxruntime"] = ["tf2onnx"]
    if precision == INT8:
        needs["onnxruntime"], needs["openvino"] = ["tf2onnx", "onnx", "nncf"], ["nncf"]
    return [name for name in backends.available() if name in needs and all(map(backends.installed, needs[name]))]


def file(network: Network, model, profile: str, engine: str, precision: str) -> Path:
    """Return the file of a network for an engine, made where it is missing; `model` is what `network.build()` returned.

    An int8 file is calibrated on training images. The folder's name holds hashes of the weights and of the images.
    """
    images = manifest.data_hash(manifest.load(profile))[:8]
    folder = paths.build(profile) / "deployment" / f"{network.name.replace(' ', '_')}-{fingerprint(model)}-{images}"
    path = folder / f"{engine}-{precision}{backends.ENGINES[engine].suffix}"
    if path.is_file():
        return path
    say(f"deployment: {network.name} is written for {backends.TITLES[engine]} in {precision}")
    draft = folder / ".draft" / path.name
    ids = deployed_networks.calibration_ids(profile, quantising.CALIBRATION_IMAGES if network.trained else _FEW)
    images = deployed_networks.images(network, profile, ids, model.input_shape[-1])
    if precision == FLOAT:
        backends.export(model, draft)
    else:
        quantising.quantise(model, draft, images)
    _tried(model, draft, engine, precision, images[:_FEW], ids[:_FEW])
    for made in sorted(draft.parent.glob(f"{draft.stem}.*")):  # .bin before .xml
        shutil.move(made, folder / made.name)
    return path


def files(network: Network, model, profile: str) -> dict[tuple[str, str], Path]:
    """Return the files of a network by engine and precision; what cannot be made is said and left out."""
    found = {}
    for precision in PRECISIONS:
        for engine in usable(precision):
            try:
                found[engine, precision] = file(network, model, profile, engine, precision)
            except CxrError as error:
                say(f"deployment: {network.name} for {backends.TITLES[engine]} in {precision} is left out. {error}")
    return found


def _tried(model, path: Path, engine: str, precision: str, images: np.ndarray, ids: list[str]) -> None:
    """Run a new file on some images; float32 must give what Keras gives, int8 must run."""
    what = f"{path.name} of {model.name}"
    try:
        run = backends.load(path)
        if precision == FLOAT:
            backends.check(run, images, backends.keras_runner(model)(images), ids, what)
        else:
            run(images)
    except CxrError:
        raise
    except Exception as error:  # every engine has its own
        raise CxrError(f"{what} does not run in {backends.TITLES[engine]} ({str(error).strip()[-160:]}).") from error


def fingerprint(model) -> str:
    """Return twelve hex digits of what the weights of a Keras model are."""
    digest = hashlib.sha256()
    for each in model.get_weights():
        digest.update(np.ascontiguousarray(each))
    return digest.hexdigest()[:12]
