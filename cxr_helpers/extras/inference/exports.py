"""Exported networks as files in the build folder, made once: float32 for every backend, 8-bit integers for OpenVINO."""

import hashlib
import shutil
from pathlib import Path

import numpy as np

from cxr_helpers import paths
from cxr_helpers.base.progress import say
from cxr_helpers.data import manifest
from cxr_helpers.extras.inference import backends, deployed_networks, quantising
from cxr_helpers.extras.inference.deployed_networks import Network

FLOAT, INT8 = "float32", "int8"
_FEW = 8  # images on which a new file is tried


def ways() -> list[tuple[str, str]]:
    """Return backend and precision of every export that the packages at hand can make."""
    made = {name: all(map(backends.installed, backend.imports)) for name, backend in backends.BACKENDS.items()}
    in_int8 = [("openvino", INT8)] if made["openvino"] and backends.installed("nncf") else []
    return [(name, FLOAT) for name in made if made[name]] + in_int8


def file(network: Network, model, profile: str, backend: str, precision: str) -> Path:
    """Return the file of a network for a backend, made where it is missing; `model` is what `network.build()` returned.

    An int8 file is calibrated on training images. The folder's name holds hashes of the weights and of the images.

    Raises:
        CxrError: it cannot be made, does not run, or in float32 differs from Keras.
    """
    images = manifest.data_hash(manifest.load(profile))[:8]
    folder = paths.build(profile) / "deployment" / f"{network.name.replace(' ', '_')}-{fingerprint(model)}-{images}"
    path = folder / f"{backend}-{precision}{backends.BACKENDS[backend].suffix}"
    if path.is_file():
        return path
    say(f"deployment: {network.name} is written for {backends.TITLES[backend]} in {precision}")
    draft = folder / ".draft" / path.name
    train = deployed_networks.labelled(profile, "train").image_id
    ids = np.random.default_rng(0).permutation(train)[: quantising.CALIBRATION_IMAGES if network.trained else _FEW]
    images = deployed_networks.images(network, profile, ids)
    if precision == FLOAT:
        run = backends.load(backends.export(model, draft))
        backends.check(
            run, images[:_FEW], backends.keras_runner(model)(images[:_FEW]), ids[:_FEW], f"{path.name} of {model.name}"
        )
    else:
        backends.load(quantising.quantise(model, draft, images))(images[:_FEW])
    for made in sorted(draft.parent.glob(f"{draft.stem}.*")):  # .bin before .xml
        shutil.move(made, folder / made.name)
    return path


def files(network: Network, model, profile: str) -> dict[tuple[str, str], Path]:
    """Return the files of a network by backend and precision; what cannot be made is said and left out."""
    found = {}
    for backend, precision in ways():
        try:
            found[backend, precision] = file(network, model, profile, backend, precision)
        except Exception as error:  # every backend has its own
            say(f"deployment: {network.name} for {backends.TITLES[backend]} in {precision} is left out. {error}")
    return found


def fingerprint(model) -> str:
    """Return twelve hex digits of what the weights of a Keras model are."""
    digest = hashlib.sha256()
    for each in model.get_weights():
        digest.update(np.ascontiguousarray(each))
    return digest.hexdigest()[:12]


def size(path: Path) -> int:
    """Return the bytes of an exported network, its weights included where they lie in a file of their own."""
    beside = path.with_suffix(".bin")
    return path.stat().st_size + (beside.stat().st_size if path.suffix == ".xml" and beside.is_file() else 0)
