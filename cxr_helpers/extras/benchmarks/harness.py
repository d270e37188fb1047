"""What all measurements share: works that take turns in rounds, and two ways side by side."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxr_helpers.base.progress import say

COLUMNS = ["figure", "value", "ci_low", "ci_high"]


def seconds(work: Callable) -> float:
    """Return the seconds that one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def rounds(works: Mapping[tuple[str, str], Callable], count: int, label: str) -> pd.DataFrame:
    """Return one row per round and work: round, network, task (the work's key), value (seconds).

    A round runs every work once, in a new random order, so that a slow spell of the machine meets all alike. Every work is
    done once before, untimed, because the first call compiles. `label` says on the terminal whose rounds these are.
    """
    for work in works.values():
        work()
    keys, rng, rows = list(works), np.random.default_rng(0), []
    for place in range(count):
        say(f"{label}: round {place + 1} of {count}")
        rows += [(place, *keys[chosen], seconds(works[keys[chosen]])) for chosen in rng.permutation(len(keys))]
    return pd.DataFrame(rows, columns=["round", "network", "task", "value"])


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two ways of doing the same, and any other beside them, that take turns in rounds.

    `works` gives for "baseline", "ours" and any other way what takes the number of a round (from 0) and returns its seconds;
    or the seconds and a mapping of what else to keep of it, which the result has as `<way>_<key>`, a list over rounds.
    `about` describes the ways in words and holds whatever else the result should say; a callable there is given the seconds
    (one row a round, a column a way). Ratios are baseline over ours, round by round: above 1 ours is the faster.
    """

    works: Mapping[str, Callable[[int], float | tuple[float, dict[str, Any]]]]
    rounds: int
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
