"""What an image costs each candidate for the final model in time, measured side by side: all networks that it joins."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd

from cxr_helpers.base.progress import say
from cxr_helpers.extras.benchmarks import measurements, programs
from cxr_helpers.tables import candidates
from cxr_helpers.training import members

BATCHES = (1, 32)  # images
ROUNDS = {"full": 15, "smoke": 3}


def measure(profile: str) -> pd.DataFrame:
    """Return one row per round, system and task (a forward pass of so many images) with its value in seconds.

    A round runs every task once, in a new random order. Weights are random, which no time depends on.
    """
    from cxr_helpers.models import catalogue

    works: dict[tuple[str, str], Callable] = {}
    for system, runs in candidates.systems(profile).items():
        configs = [members.network_config(run, profile) for run in members.networks(runs[0], profile)]
        networks = [catalogue.build(dataclasses.replace(config, start="random"))[0] for config in configs]
        for count in BATCHES:
            images = [programs.images(network, count)[0] for network in networks]
            works[system, _task(count)] = lambda networks=networks, images=images: _passes(networks, images)
        say(f"candidates: {system} is built")
    rows = measurements.rounds(works, ROUNDS[profile], np.random.default_rng(0), "candidates")
    return pd.DataFrame(rows, columns=["round", "system", "task", "value"])


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return milliseconds an image by system and number of images, medians over rounds: figure, value, ci_low, ci_high."""
    found = []
    for count in BATCHES:
        for system, times in repeats[repeats.task == _task(count)].groupby("system", sort=False):
            found.append(measurements.median(name(system, count), 1000 * times.value.to_numpy() / count))
    return pd.DataFrame(found)


def by_system(figures: pd.DataFrame, count: int = 1) -> dict[str, str]:
    """Return milliseconds an image with their interval by system, where so many images come at once."""
    ending = name("", count)
    rows = figures[figures.figure.str.endswith(ending)]
    return {row.figure.removesuffix(ending): measurements.spread(row) for _, row in rows.iterrows()}


def name(system: str, count: int) -> str:
    """Return the name of a figure: milliseconds an image where so many come at once."""
    return f"{system}, ms per image, batch {count}"


def _task(count: int) -> str:
    return f"forward pass of {count}"


def _passes(networks: list, images: list[np.ndarray]) -> None:
    for network, batch in zip(networks, images, strict=True):
        network.predict_on_batch(batch)
