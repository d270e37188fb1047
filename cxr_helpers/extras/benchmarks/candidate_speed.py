"""What an image costs each candidate for the final model in time, measured side by side: all networks that it joins."""

import dataclasses

import pandas as pd

from cxr_helpers.base import lazy
from cxr_helpers.extras.benchmarks import harness
from cxr_helpers.extras.networks import programs
from cxr_helpers.tables import candidates
from cxr_helpers.training import members

catalogue = lazy.module("cxr_helpers.models.catalogue")

ROUNDS = {"full": 15, "smoke": 3}
TASK = "forward pass of 1"


def measure(profile: str) -> pd.DataFrame:
    """Return one row per round and experiment (column system) with the seconds of one image alone.

    Weights are random, which no time depends on.
    """
    works = {}
    for name, runs in candidates.made(profile).items():
        configs = [members.network_config(run, profile) for run in members.networks(runs[0], profile)]
        networks = [catalogue.build(dataclasses.replace(config, start="random"))[0] for config in configs]
        given = [(network, programs.images(network, 1)[0]) for network in networks]
        works[name, TASK] = lambda given=given: [network.predict_on_batch(image) for network, image in given]
    return harness.rounds(works, ROUNDS[profile], "candidates", ("system", "task"))


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return milliseconds an image by experiment, the median over rounds: figure, value, ci_low, ci_high."""
    groups = repeats.groupby("system", sort=False).value
    return harness.medians({f"{name}, ms per image, batch 1": 1000 * times.to_numpy() for name, times in groups})
