"""Exported networks as files in the build folder, made once: every backend's format, float32 and int8."""

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
_QUANTISERS = {"openvino": ("nncf",), "onnxruntime": ("onnx", "nncf")}  # what int8 needs besides
_FEW = 8  # images


def usable(precision: str) -> list[str]:
    """Return the backends, Keras left out, that can be exported to in this precision with the packages at hand."""
    besides = _QUANTISERS if precision == INT8 else {}
    needs = {name: (*backend.needs, *besides.get(name, ())) for name, backend in backends.BACKENDS.items()}
    return [name for name in backends.available() if name in needs and all(map(backends.installed, needs[name]))]


def file(network: Network, model, profile: str, backend: str, precision: str) -> Path:
    """Return the file of a network for a backend, made where it is missing; `model` is what `network.build()` returned.

    An int8 file is calibrated on training images. The folder's name holds hashes of the weights and of the images.
    """
    images = manifest.data_hash(manifest.load(profile))[:8]
    folder = paths.build(profile) / "deployment" / f"{network.name.replace(' ', '_')}-{fingerprint(model)}-{images}"
    path = folder / f"{backend}-{precision}{backends.BACKENDS[backend].suffix}"
    if path.is_file():
        return path
    say(f"deployment: {network.name} is written for {backends.TITLES[backend]} in {precision}")
    draft = folder / ".draft" / path.name
    ids = deployed_networks.calibration_ids(profile, quantising.CALIBRATION_IMAGES if network.trained else _FEW)
    images = deployed_networks.images(network, profile, ids, model.input_shape[-1])
    if precision == FLOAT:
        backends.export(model, draft)
    else:
        quantising.quantise(model, draft, images)
    _try(model, draft, precision, images[:_FEW], ids[:_FEW])
    for made in sorted(draft.parent.glob(f"{draft.stem}.*")):  # .bin before .xml
        shutil.move(made, folder / made.name)
    return path


def files(network: Network, model, profile: str) -> dict[tuple[str, str], Path]:
    """Return the files of a network by backend and precision; what cannot be made is said and left out."""
    found = {}
    for precision in (FLOAT, INT8):
        for backend in usable(precision):
            try:
                found[backend, precision] = file(network, model, profile, backend, precision)
            except CxrError as error:
                say(f"deployment: {network.name} for {backends.TITLES[backend]} in {precision} is left out. {error}")
    return found


def _try(model, path: Path, precision: str, images: np.ndarray, ids: list[str]) -> None:
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
    except Exception as error:  # every backend has its own
        raise CxrError(f"{what} does not run ({str(error).strip()[-160:]}).") from error


def fingerprint(model) -> str:
    """Return twelve hex digits of what the weights of a Keras model are."""
    digest = hashlib.sha256()
    for each in model.get_weights():
        digest.update(np.ascontiguousarray(each))
    return digest.hexdigest()[:12]
