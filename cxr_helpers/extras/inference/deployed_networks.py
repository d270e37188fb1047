"""The networks that are exported: the final model, one network of it, and each paper's own."""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from cxr_helpers import experiments, paths, records
from cxr_helpers.base import lazy
from cxr_helpers.config import Config
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import calibration
from cxr_helpers.extras.inference import published_model
from cxr_helpers.records import Record
from cxr_helpers.training import members

keras = lazy.module("keras")
catalogue = lazy.module("cxr_helpers.models.catalogue")
joined = lazy.module("cxr_helpers.models.joined")
rescoring = lazy.module("cxr_helpers.training.rescoring")
training_network = lazy.module("cxr_helpers.training.network")

FINAL, ONE = "final model", "one network of it"
PROTOCOL = "official"
# Paper's network -> its architecture, and the experiments that may stand for it, the paper's own training first.
TRAINED = {
    "VGG-16": (Config("vgg16", start="random", dropout=0.5), ("vgg16_thesis",)),
    "ResNet-50": (Config("resnet50", start="random", dropout=0.3), ("resnet50_thesis",)),
    "MobileNet": (Config("mobilenet", start="random"), ("mobilenet_official", "recipe_mobilenet")),
    "MobileNetV2": (Config("mobilenetv2", start="random"), ("mobilenetv2_finetuned",)),
}


@dataclasses.dataclass(frozen=True)
class Network:
    """A network to export: `build()` gives the Keras model, whose images have `size` pixels a side after `variant`.

    `trained` tells whether its AUC means anything: weights that are on no machine are replaced by random ones, on which
    neither bytes nor times depend. `source` says where the weights come from.
    """

    name: str
    build: Callable
    size: int
    variant: str
    trained: bool
    source: str


def all_of(profile: str) -> list[Network]:
    """Return the papers' networks, the final model and, where it joins several, one network of it; in smoke one stand-in."""
    if profile == "smoke":
        return [paper("MobileNetV2", profile)]
    return [paper(name, profile) for name in TRAINED] + final(profile)


def paper(name: str, profile: str) -> Network:
    """Return a paper's network: trained where an experiment of `TRAINED` has its model here, else with random weights."""
    if profile == "smoke":
        return Network(name, lambda: _small(list(TRAINED).index(name)), 32, "none", False, "random start, a small stand-in")
    config, names = TRAINED[name]
    for run in (run for experiment in names for run in _runs(experiment, profile)):
        path = records.model_path(profile, run.run_id)
        if path.is_file() and (run.config.protocol, run.config.model) == (PROTOCOL, config.model):
            build = lambda path=path: keras.saving.load_model(path, compile=False)  # noqa: E731
            return Network(name, build, run.config.size, run.config.variant, True, f"run {run.run_id}")
    source = "random start, trained weights on no machine"
    return Network(name, lambda: catalogue.build(config)[0], config.size, "none", False, source)


def _runs(name: str, profile: str) -> list[Record]:
    try:
        return records.of(name, profile) if name in experiments.load(profile) else []
    except CxrError:
        return []


def final(profile: str) -> list[Network]:
    """Return the published model and, where it joins several networks, the one that is chosen of them (`chosen`).

    Raises:
        CxrError: the published model is missing or broken.
    """
    model, card = published_model.load(published_model.folder(profile))
    found = [Network(FINAL, lambda: model, card.size, card.variant, True, f"run {card.run_id}")]
    parts = joined.parts(model)
    if len(parts) > 1:
        place, run = chosen(profile)
        found.append(Network(ONE, lambda: parts[place], card.size, card.variant, True, f"run {run.run_id}"))
    return found


def chosen(profile: str) -> tuple[int, Record]:
    """Return place and run of the published model's network with the least loss on corrupted validation images.

    The loss is taken at the temperature that the same images give; the test images are not asked.
    """
    _, card = published_model.load(published_model.folder(profile))
    losses, runs = [], members.networks(records.read(paths.runs(profile) / card.run_id), profile)
    for run in runs:
        images = rescoring.corrupted_validation(run, profile)
        losses.append(calibration.cross_entropy(calibration.tempered(images, calibration.fit_temperature(images))).mean())
    place = int(np.argmin(losses))
    return place, runs[place]


def images(network: Network, profile: str, image_ids: Iterable[str], channels: int = 3) -> np.ndarray:
    """Return images as the network takes them: float32 (n, size, size, channels) in 0..255."""
    found = packing.images(profile, image_ids, network.size, network.variant)
    return np.repeat(found[..., None].astype("float32"), channels, axis=-1)


def labelled(profile: str, split: str) -> pd.DataFrame:
    """Return image_id, patient_id, split and y_true of the images of one split of the official protocol."""
    table = training_network.labelled_images(profile, PROTOCOL)
    return table[table.split == split].reset_index(drop=True)[["image_id", "patient_id", "split", "y_true"]]


def calibration_ids(profile: str, count: int, seed: int = 0) -> list[str]:
    """Return image_ids of so many training images, drawn at random, from which the ranges of activations come."""
    return list(np.random.default_rng(seed).permutation(labelled(profile, "train").image_id)[:count])


def _small(seed: int):
    """Return a tiny network of random weights with the layers that the exports meet."""
    layers = keras.layers
    keras.utils.set_random_seed(seed)
    inputs = x = keras.Input((32, 32, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, -1.0, name="scaling")(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="conv")(x)
    x = layers.ReLU(6.0, name="relu")(layers.BatchNormalization(name="norm")(x))
    x = layers.GlobalAveragePooling2D(name="features")(layers.DepthwiseConv2D(3, name="depthwise")(x))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="probability")(x), name=f"small_{seed}")
