"""What a saliency map of one image costs in time, by method, all of them on the same network in turns."""

import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import pandas as pd

from cxr_helpers.base import lazy
from cxr_helpers.extras.benchmarks import harness
from cxr_helpers.extras.networks.programs import PROGRAMS
from cxr_helpers.extras.saliency import methods

catalogue = lazy.module("cxr_helpers.models.catalogue")

NETWORK, ROUNDS = "MobileNetV2", 3
NETWORKS = {"full": PROGRAMS[NETWORK], "smoke": dataclasses.replace(PROGRAMS[NETWORK], model="custom_cnn", size=32)}


def measure(profile: str) -> pd.DataFrame:
    """Return one row per round and method (columns network, task) with the seconds of one image's map.

    Weights are random, which no time depends on.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many graphs in one process, which are meant here
    model, _ = catalogue.build(dataclasses.replace(NETWORKS[profile], start="random"))
    ramp = np.linspace(0, 255, model.input_shape[1], dtype="float32")
    image = np.sqrt(ramp[:, None] * ramp[None])[None]  # smooth, so that a blurred copy differs from it

    def mapped(method: str) -> Callable:
        return lambda: methods.maps(method, model, image, 1)

    return harness.rounds({(NETWORK, name): mapped(name) for name in methods.found()}, ROUNDS, "maps")


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return milliseconds an image by title of the method, the median and range of the rounds: figure, value, ci_low, ci_high."""
    by_method = (1000 * repeats.value).groupby(repeats.task.map(lambda name: methods.found()[name].title), sort=False)
    return by_method.agg(value="median", ci_low="min", ci_high="max").rename_axis("figure").reset_index()
