"""What an image costs each candidate for the final model in time, measured side by side: all networks that it joins."""

import dataclasses

import pandas as pd

from cxr_helpers.base import lazy
from cxr_helpers.base.progress import say
from cxr_helpers.extras.benchmarks import harness
from cxr_helpers.extras.networks import programs
from cxr_helpers.tables import candidates
from cxr_helpers.training import members

catalogue = lazy.module("cxr_helpers.models.catalogue")

BATCHES = (1, 32)  # images
ROUNDS = {"full": 15, "smoke": 3}
_TASK, _FIGURE = "forward pass of {}", "{}, ms per image, batch {}"


def measure(profile: str) -> pd.DataFrame:
    """Return one row per round, experiment (column system) and task, a forward pass of so many images: value in seconds.

    Weights are random, which no time depends on.
    """
    works = {}
    for name, runs in candidates.made(profile).items():
        configs = [members.network_config(run, profile) for run in members.networks(runs[0], profile)]
        networks = [catalogue.build(dataclasses.replace(config, start="random"))[0] for config in configs]
        for count in BATCHES:
            given = [(network, programs.images(network, count)[0]) for network in networks]
            works[name, _TASK.format(count)] = lambda given=given: [network.predict_on_batch(batch) for network, batch in given]
        say(f"candidates: {name} is built")
    return harness.rounds(works, ROUNDS[profile], "candidates", ("system", "task"))


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return milliseconds an image by experiment and number of images, medians over rounds: figure, value, ci_low, ci_high."""
    found = {}
    for count in BATCHES:
        for name, times in repeats[repeats.task == _TASK.format(count)].groupby("system", sort=False):
            found[figure(name, count)] = 1000 * times.value.to_numpy() / count
    return harness.medians(found)


def by_system(figures: pd.DataFrame, count: int = 1) -> dict[str, str]:
    """Return milliseconds an image with their interval by experiment, where so many images come at once."""
    ending = figure("", count)
    rows = figures[figures.figure.str.endswith(ending)]
    return {row.figure.removesuffix(ending): harness.spread(row) for _, row in rows.iterrows()}


def figure(name: str, count: int) -> str:
    """Return the name of a figure: milliseconds an image where so many come at once."""
    return _FIGURE.format(name, count)
