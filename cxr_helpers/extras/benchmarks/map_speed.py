"""What a heat map costs: Grad-CAM beside one forward and one backward pass, and every method's time per image."""

import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import pandas as pd

from cxr_helpers.base.progress import say
from cxr_helpers.explain import methods
from cxr_helpers.extras.benchmarks import measurements, programs

PASSES, MAP, FIRST = "forward and backward pass", "Grad-CAM map", "first Grad-CAM map"
RATIO = "Grad-CAM map over forward and backward pass"
GOAL = 2.0  # at most this ratio
OF_METHODS = "MobileNetV2"  # the network on which every method is timed


@dataclasses.dataclass(frozen=True)
class Plan:
    """How it is measured: side of an image in pixels, rounds of Grad-CAM and of all methods; `stand_in` replaces every network."""

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
    plan, rows, rng = PLANS[profile], [], np.random.default_rng(0)
    for network in programs.PROGRAMS:
        say(f"maps: {network} is built")
        model, image = _model(network, plan), _image(plan.side)
        works = {PASSES: _both_passes(model, image), MAP: lambda model=model, image=image: methods.maps("gradcam", model, image, 1)}
        rows.append((0, network, FIRST, measurements.seconds(works[MAP])))
        rows += _rounds(network, works, plan.rounds, rng)
        if network == OF_METHODS:
            rows += _rounds(network, _each_method(model, image), plan.method_rounds, rng)
    return pd.DataFrame(rows, columns=["round", "network", "task", "value"])


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return every figure, the median over rounds, with its 95 % interval: figure, value, ci_low, ci_high.

    The interval is a percentile bootstrap of the rounds (Efron and Tibshirani 1993); a ratio is that of one round's two
    times. What was measured once has no interval; of three rounds the interval is their range.
    """
    found = {}
    for (network, task), times in repeats.groupby(["network", "task"], sort=False):
        found[f"{network}, {_TITLES.get(task, task)}, ms per image"] = 1000 * times.value.to_numpy()
    for network, times in repeats[repeats.task.isin((MAP, PASSES))].groupby("network", sort=False):
        paired = times.pivot(index="round", columns="task", values="value")
        found[f"{network}, {RATIO}"] = (paired[MAP] / paired[PASSES]).to_numpy()
    return pd.DataFrame([measurements.median(name, values) for name, values in found.items()])


def table(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row a method: milliseconds an image on `OF_METHODS` with the range of its few rounds, the quickest first."""
    found = figures.set_index("figure")
    keys = {title: f"{OF_METHODS}, {title}, ms per image" for title in _TITLES.values()}
    quickest = sorted(keys, key=lambda title: found.value[keys[title]])
    return pd.DataFrame([{"method": title, "ms an image": measurements.spread(found.loc[keys[title]])} for title in quickest])


def ratios(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row a network: milliseconds of its passes and of a Grad-CAM map, their ratio, and whether `GOAL` is met."""
    found, rows = figures.set_index("figure"), []
    for network in programs.PROGRAMS:
        ratio = found.loc[f"{network}, {RATIO}"]
        times = {task: found.loc[f"{network}, {task}, ms per image"] for task in (PASSES, MAP)}
        row = {"network": network} | {task: measurements.spread(time) for task, time in times.items()}
        verdict = "met" if ratio.value <= GOAL else f"missed by {ratio.value - GOAL:.2f}"
        rows.append(row | {"ratio": measurements.spread(ratio), f"at most {GOAL:g}": verdict})
    return pd.DataFrame(rows)


_TITLES = {name: method.title for name, method in methods.METHODS.items()}


def _rounds(network: str, works: dict[str, Callable], count: int, rng: np.random.Generator) -> list[tuple]:
    keyed = {(network, task): work for task, work in works.items()}
    return measurements.rounds(keyed, count, rng, f"maps: {network}")


def _both_passes(model, image: np.ndarray) -> Callable:
    """Return one forward and one backward pass of the model: the gradient of its score by the pixels of the image."""
    from cxr_helpers.explain import targets
    from cxr_helpers.explain.gradients import gradient

    pixels = targets.batch(model, image)
    return lambda: gradient(lambda batch: model(batch, training=False)[:, -1], pixels)


def _each_method(model, image: np.ndarray) -> dict[str, Callable]:
    return {name: lambda name=name: methods.maps(name, model, image, 1) for name in methods.METHODS}


def _model(network: str, plan: Plan):
    from cxr_helpers.models import catalogue

    config = programs.PROGRAMS[network]
    return catalogue.build(dataclasses.replace(config, model=plan.stand_in or config.model, size=plan.side, start="random"))[0]


def _image(side: int) -> np.ndarray:
    """Return a smooth image, float32 (1, side, side) in 0..255: a ramp, so that a blurred copy differs from it."""
    ramp = np.linspace(0, 255, side, dtype="float32")
    return np.sqrt(ramp[:, None] * ramp[None])[None]
