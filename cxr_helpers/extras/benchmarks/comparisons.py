"""Two ways of doing the same, timed side by side in rounds: made by `cxr bench NAME`, kept in `reports/benchmarks/NAME.json`."""

import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import lazy
from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks.harness import Comparison

measured_on = lazy.module("cxr_helpers.extras.makers.measured_on")
_training = lazy.module("cxr_helpers.extras.benchmarks.training_time")
_extraction = lazy.module("cxr_helpers.extras.benchmarks.extraction")

# Of each, `prepare(name, profile)` returns the `Comparison`.
MODULES = dict.fromkeys(("train_vgg16_thesis", "train_mobilenet_rahman", "fine_tune"), _training)
_BACKBONES = ("mobilenet", "mobilenetv2", "resnet50", "vgg16")
MODULES |= {f"extract_{network}{short}": _extraction for network in _BACKBONES for short in ("", "_bf16")}
NAMES = tuple(MODULES)


def run(name: str, profile: str) -> Path:
    """Time a comparison in rounds and return its file.

    Raises:
        CxrError: the name is unknown.
    """
    path = file(name, profile)
    comparison = MODULES[name].prepare(name, profile)
    rows = [_round(name, comparison, place) for place in range(comparison.rounds)]
    closing = {"profile": profile} | measured_on.about() | {"rounds": rows}
    atomic_write(path, json.dumps(_result(name, comparison, rows) | closing, indent=2, ensure_ascii=False) + "\n")
    return path


def file(name: str, profile: str) -> Path:
    """Return where a comparison's result lies; an unknown name is a CxrError."""
    if name not in MODULES:
        raise CxrError(f"Comparison {name!r} is unknown: choose one of {', '.join(NAMES)}.")
    return paths.reports(profile) / "benchmarks" / f"{name}.json"


def summary(name: str, costs: pd.DataFrame) -> dict:
    """Return name, the median, least and greatest ratio of baseline to ours, and each way's median cost.

    `costs` has one row a round and a column a way.
    """
    ratios = costs["baseline"] / costs["ours"]
    middle = {way: float(f"{statistics.median(costs[way]):.5g}") for way in costs}
    spread = {"ratio_median": ratios.median(), "ratio_min": ratios.min(), "ratio_max": ratios.max()}
    return {"name": name} | {key: float(f"{value:.4g}") for key, value in spread.items()} | middle


def _round(name: str, comparison: Comparison, place: int) -> dict[str, Any]:
    """Return what round `place` (from 0) costs by way; every way is the first in some round."""
    ways, started = list(comparison.works), time.perf_counter()
    first, row = place % len(ways), {"load_before": round(os.getloadavg()[0], 2)}
    for way in ways[first:] + ways[:first]:
        cost = comparison.works[way](place)
        row[way], said = cost if isinstance(cost, tuple) else (cost, {})
        row |= {f"{way}_{key}": value for key, value in said.items()}
        say(f"bench {name}: round {place + 1} of {comparison.rounds}, {way} {row[way]:.4g} s")
    return row | {"seconds": round(time.perf_counter() - started, 1)}


def _result(name: str, comparison: Comparison, rows: list[dict]) -> dict:
    """Return what rounds say of a comparison."""
    costs = pd.DataFrame([{way: row[way] for way in comparison.works} for row in rows])
    said = {key: value(costs) if callable(value) else value for key, value in comparison.about.items()}
    for way in comparison.works:
        said |= {key: [row[key] for row in rows] for key in rows[0] if key.startswith(f"{way}_")}
    return summary(name, costs) | said
