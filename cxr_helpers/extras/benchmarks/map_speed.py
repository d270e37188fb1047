"""What a heat map costs: Grad-CAM beside one forward and one backward pass, and every method's time per image."""

import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import pandas as pd

from cxr_helpers.base import lazy
from cxr_helpers.base.progress import say
from cxr_helpers.explain import methods
from cxr_helpers.extras.benchmarks import harness
from cxr_helpers.extras.networks.programs import PROGRAMS

catalogue = lazy.module("cxr_helpers.models.catalogue")
gradients = lazy.module("cxr_helpers.explain.gradients")
targets = lazy.module("cxr_helpers.explain.targets")

PASSES, MAP, FIRST = "forward and backward pass", "Grad-CAM map", "first Grad-CAM map"
RATIO = "Grad-CAM map over forward and backward pass"
GOAL = 2.0  # at most this ratio
OF_METHODS = "MobileNetV2"  # the network on which every method is timed


@dataclasses.dataclass(frozen=True)
class Plan:
    """Side of an image in pixels, rounds of Grad-CAM and of all methods; `stand_in` replaces every network."""

    side: int
    rounds: int
    method_rounds: int
    stand_in: str = ""


PLANS = {"full": Plan(224, 15, 3), "smoke": Plan(32, 3, 3, "custom_cnn")}


def measure(profile: str) -> pd.DataFrame:
    """Return one row per round, network and task with its seconds, for one image.

    Tasks: `PASSES` of the model itself, with the gradient by its pixels, and `MAP`, from image to map, both as called by
    Python, side by side in each round in a random order; `FIRST`, the first map of a model, which includes its private
    copy, once; and on `OF_METHODS` each method by its name. Weights are random, which no time depends on.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many graphs in one process, which are meant here
    plan, parts = PLANS[profile], []
    for network in PROGRAMS:
        say(f"maps: {network} is built")
        model, image = _model(network, plan), _image(plan.side)
        works = {(network, PASSES): _both_passes(model, image), (network, MAP): _map("gradcam", model, image)}
        first = [(0, network, FIRST, harness.seconds(works[network, MAP]))]
        parts.append(pd.DataFrame(first, columns=["round", *harness.NETWORKS, "value"]))
        parts.append(harness.rounds(works, plan.rounds, f"maps: {network}"))
        if network == OF_METHODS:
            every = {(network, name): _map(name, model, image) for name in methods.METHODS}
            parts.append(harness.rounds(every, plan.method_rounds, f"maps: {network}"))
    return pd.concat(parts, ignore_index=True)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return every figure, the median over rounds, with its 95 % interval: figure, value, ci_low, ci_high.

    A ratio is that of one round's two times. What was measured once has no interval; of three rounds it is their range.
    """
    found, titles = {}, _titles()
    for (network, task), times in repeats.groupby(["network", "task"], sort=False):
        found[f"{network}, {titles.get(task, task)}, ms per image"] = 1000 * times.value.to_numpy()
    for network, times in repeats[repeats.task.isin((MAP, PASSES))].groupby("network", sort=False):
        paired = times.pivot(index="round", columns="task", values="value")
        found[f"{network}, {RATIO}"] = (paired[MAP] / paired[PASSES]).to_numpy()
    return harness.medians(found)


def table(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row a method: milliseconds an image on `OF_METHODS` with the range of its few rounds, the quickest first."""
    found = figures.set_index("figure")
    keys = {title: f"{OF_METHODS}, {title}, ms per image" for title in _titles().values()}
    quickest = sorted(keys, key=lambda title: found.value[keys[title]])
    return pd.DataFrame([{"method": title, "ms an image": harness.spread(found.loc[keys[title]])} for title in quickest])


def ratios(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row a network: milliseconds of its passes and of a Grad-CAM map, their ratio, and whether `GOAL` is met."""
    found, rows = figures.set_index("figure"), []
    for network in PROGRAMS:
        ratio = found.loc[f"{network}, {RATIO}"]
        times = {task: harness.spread(found.loc[f"{network}, {task}, ms per image"]) for task in (PASSES, MAP)}
        verdict = "met" if ratio.value <= GOAL else f"missed by {ratio.value - GOAL:.2f}"
        rows.append({"network": network} | times | {"ratio": harness.spread(ratio), f"at most {GOAL:g}": verdict})
    return pd.DataFrame(rows)


def _titles() -> dict[str, str]:
    return {name: method.title for name, method in methods.METHODS.items()}


def _map(method: str, model, image: np.ndarray) -> Callable:
    """Return what computes one map."""
    return lambda: methods.maps(method, model, image, 1)


def _both_passes(model, image: np.ndarray) -> Callable:
    """Return one forward and one backward pass of the model: the gradient of its score by the pixels of the image."""
    pixels = targets.batch(model, image)
    return lambda: gradients.gradient(lambda batch: model(batch, training=False)[:, -1], pixels)


def _model(network: str, plan: Plan):
    config = PROGRAMS[network]
    return catalogue.build(dataclasses.replace(config, model=plan.stand_in or config.model, size=plan.side, start="random"))[0]


def _image(side: int) -> np.ndarray:
    """Return a smooth image, float32 (1, side, side) in 0..255: a ramp, so that a blurred copy differs from it."""
    ramp = np.linspace(0, 255, side, dtype="float32")
    return np.sqrt(ramp[:, None] * ramp[None])[None]
