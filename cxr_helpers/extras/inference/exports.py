"""Exported networks as files in the build folder, made once: float32 for every backend, 8-bit integers for OpenVINO.

Integers come after training, by NNCF, calibrated on training images. Convolutions and large dense layers become int8. What
follows the pooled features stays in float32 where it is small: it costs no bytes, and 256 levels of a score would tie images.
So do the first convolutions, which hold few weights and make most of the error of the whole.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cxr_helpers import paths
from cxr_helpers.base.progress import say
from cxr_helpers.data import manifest
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import backends, deployed_networks
from cxr_helpers.extras.inference.deployed_networks import Network

FLOAT, INT8 = "float32", "int8"
_FEW = 8  # images on which a new file is tried
CALIBRATION_IMAGES = 128
SMALL = 100_000  # weights of a dense layer that stays in float32
EARLY = 15_000  # weights from the image on that stay in float32 too, chosen on validation: three blocks of MobileNetV2
_KINDS = {"MatMul": "dense", "Convolution": "convolution", "GroupConvolution": "convolution"}


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
    ids = np.random.default_rng(0).permutation(train)[: CALIBRATION_IMAGES if network.trained else _FEW]
    images = deployed_networks.images(network, profile, ids)
    if precision == FLOAT:
        run = backends.load(backends.export(model, draft))
        backends.check(
            run, images[:_FEW], backends.keras_runner(model)(images[:_FEW]), ids[:_FEW], f"{path.name} of {model.name}"
        )
    else:
        backends.load(quantise(model, draft, images))(images[:_FEW])
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
