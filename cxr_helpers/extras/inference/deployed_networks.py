"""The networks that are exported, the final model and each paper's own, and the images that they are tried on."""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from cxr_helpers import experiments, records
from cxr_helpers.base import lazy
from cxr_helpers.config import Config
from cxr_helpers.data import packing
from cxr_helpers.extras.inference import published_model

keras = lazy.module("keras")
catalogue = lazy.module("cxr_helpers.models.catalogue")
training_network = lazy.module("cxr_helpers.training.network")

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
    neither bytes nor times depend.
    """

    name: str
    build: Callable
    size: int
    variant: str
    trained: bool


def all_of(profile: str) -> list[Network]:
    """Return the papers' networks and the published model; in smoke one stand-in.

    Raises:
        CxrError: the published model is missing or broken.
    """
    if profile == "smoke":
        return [Network("MobileNetV2", stand_in, 32, "none", False)]
    model, card = published_model.load(published_model.folder(profile))
    return [*map(_paper, TRAINED), Network("final model", lambda: model, card.size, card.variant, True)]


def _paper(name: str) -> Network:
    """Return a paper's network: trained where an experiment of `TRAINED` has its model here, else with random weights."""
    config, names = TRAINED[name]
    known = experiments.load("full")
    made = [each for each in names if each in known and records.recorded(known[each], "full")]
    for run in (run for each in made for run in records.of(each, "full")):
        path = records.model_path("full", run.run_id)
        if path.is_file() and (run.config.protocol, run.config.model) == (PROTOCOL, config.model):
            build = lambda path=path: keras.saving.load_model(path, compile=False)  # noqa: E731
            return Network(name, build, run.config.size, run.config.variant, True)
    return Network(name, lambda: catalogue.build(config)[0], config.size, "none", False)


def images(network: Network, profile: str, image_ids: Iterable[str]) -> np.ndarray:
    """Return images as the network takes them: float32 (n, size, size, 3) in 0..255."""
    found = packing.images(profile, image_ids, network.size, network.variant)
    return np.repeat(found[..., None].astype("float32"), 3, axis=-1)


def labelled(profile: str, split: str) -> pd.DataFrame:
    """Return image_id, patient_id, split and y_true of the images of one split of the official protocol."""
    table = training_network.labelled_images(profile, PROTOCOL)
    return table[table.split == split].reset_index(drop=True)[["image_id", "patient_id", "split", "y_true"]]


def stand_in() -> "keras.Model":
    """Return a tiny network of random weights with the layers that the exports meet."""
    layers = keras.layers
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((32, 32, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, -1.0, name="scaling")(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="conv")(x)
    x = layers.ReLU(6.0, name="relu")(layers.BatchNormalization(name="norm")(x))
    x = layers.GlobalAveragePooling2D(name="features")(layers.DepthwiseConv2D(3, name="depthwise")(x))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="probability")(x), name="small")
