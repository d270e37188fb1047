"""Systems on the sets of the ResNet review: ChestX-ray14's labels, skin lesions, brain slices."""

import dataclasses

import keras
import numpy as np
import pandas as pd

from cxr_helpers.config import Config
from cxr_helpers.data import manifest
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import classical, descriptors
from cxr_helpers.extras.other_sets import image_sets, set_packing
from cxr_helpers.extras.statistics import multilabel
from cxr_helpers.models import catalogue
from cxr_helpers.records import Product
from cxr_helpers.training import fitting, network


@dataclasses.dataclass(frozen=True)
class Labelled(fitting.Task):
    """A task whose model has a sigmoid unit, and whose table a 0/1 column, for each of `labels`."""

    labels: tuple[str, ...] = ()

    def part(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows of `pixels`, labels, one column a unit) of one split."""
        part = self.table[self.table.split == split]
        return part.row.to_numpy(), part[list(self.labels)].to_numpy("float32")

    def scored(self, outputs: np.ndarray) -> pd.DataFrame:
        """Return one row an image and label (see `multilabel`)."""
        return multilabel.long(self.table, self.labels, outputs)


def make(config: Config, profile: str) -> Product:
    """Train the configured network or estimator on the set `config.data`.

    Scores of a multi-label set are long (see `multilabel`), those of any other are P(positive class).

    Raises:
        CxrError: the set is not here or malformed, or the configuration asks for what the set does not have.
    """
    found = image_sets.load(config.data, profile, config.protocol)
    estimator = config.model in classical.ESTIMATORS
    if found.labels and (estimator or config.class_weight != "none"):
        raise CxrError(
            f"Config: {config.data} has many labels, for which {config.model} with class_weight={config.class_weight!r} "
            "is not defined; choose a network without class weights."
        )
    if not estimator:
        model, start = catalogue.build(config)  # refused, if it is, before a packing that may take an hour
        if model.input_shape[-1] == 1:  # a network of grey images
            found = dataclasses.replace(found, colour=False, pixels=found.pixels.replace("in colour", "read as grey"))
    pixels, table = set_packing.load(found, profile, config.size, config.variant)
    info = {
        "pixels": found.pixels,
        "data_hash": manifest.data_hash(table),
        "division": found.division,
        "images": table.split.value_counts().to_dict(),
        "images_left_out": len(found.table) - len(table),
    }
    if estimator:
        x, start = descriptors.matrix(config, profile, pixels, info["data_hash"])
        return classical.estimated(config, x, start, table, info)
    task = fitting.Task(config, profile, model, pixels, table, info["data_hash"])
    if found.labels:
        task = Labelled(**vars(task) | {"model": with_units(model, len(found.labels))}, labels=found.labels)
    return network.trained(task, start, info)


def with_units(model: keras.Model, units: int) -> keras.Model:
    """Return a model with `units` sigmoid outputs in place of its last layer; all other layers are shared."""
    last = keras.layers.Dense(units, activation="sigmoid", dtype="float32", name="probability")
    return keras.Model(model.input, last(model.layers[-1].input), name=model.name)
