"""Two ways of doing the same, timed side by side in rounds: made by `cxr bench NAME`, kept in `reports/benchmarks/NAME.json`."""

import importlib
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.benchmarks import measurements
from cxr_helpers.errors import CxrError
from cxr_helpers.files import atomic_write
from cxr_helpers.progress import say

# Name -> the module of this package whose `prepare(name, profile)` returns its `Comparison`.
_MODULES = {
    "train_vgg16_thesis": "training_time",
    "train_mobilenet_rahman": "training_time",
    "train_mobilenet_rahman_3_views": "training_time",
    "second_experiment": "training_time",
    "fine_tune": "fine_tuning_time",
    "extract_mobilenet": "extraction",
    "extract_mobilenetv2": "extraction",
    "extract_resnet50": "extraction",
    "extract_vgg16": "extraction",
    "ingest": "ingest",
    "deploy_latency": "deployment_latency",
}
NAMES = tuple(_MODULES)
_WITHIN = {"second_experiment": "train_mobilenet_rahman"}  # timed in the rounds of another


class Comparison:
    """What is compared, and the works of one round.

    `works` gives for "baseline", "ours" and any other way a call that returns its cost: seconds, or whatever `unit` says,
    less being better. `about` describes the ways in words and holds whatever else the result should say; a callable there
    is asked at the end. Ratios are baseline over ours, round by round: above 1 ours is the faster. `also` names further
    comparisons of the same rounds: name -> (the way that is ours there, about).
    """

    def __init__(
        self,
        works: Mapping[str, Callable[[], float]],
        rounds: int,
        unit: str = "s",
        also: Mapping[str, tuple[str, dict[str, Any]]] | None = None,
        **about: Any,
    ) -> None:
        self.works, self.rounds, self.unit, self.about = works, rounds, unit, about
        self.also = also or {}


def run(name: str, profile: str, afresh: bool = False) -> Path:
    """Time a comparison in rounds and return its file, which is written after every round.

    A stopped comparison goes on where it was, if machine and packages are the same; `afresh` begins anew.

    Raises:
        CxrError: the name is unknown.
    """
    _check(name)
    name, asked = _WITHIN.get(name, name), name
    module = _module(name)
    from cxr_helpers import provenance

    circumstances = {"machine": provenance.machine(), "packages": provenance.current()["packages"]}
    path = file(name, profile)
    rows = [] if afresh else _rows(path, circumstances)
    comparison = module.prepare(name, profile)
    ways = list(comparison.works)
    while len(rows) < comparison.rounds:
        load, started, row = os.getloadavg()[0], time.perf_counter(), {}
        for way in ways[len(rows) % len(ways) :] + ways[: len(rows) % len(ways)]:  # every way is first in some round
            row[way] = comparison.works[way]()
            say(f"bench {name}: round {len(rows) + 1} of {comparison.rounds}, {way} {row[way]:.4g} {comparison.unit}")
        rows.append(row | {"load_before": round(load, 2), "seconds": round(time.perf_counter() - started, 1)})
        costs, closing = pd.DataFrame(rows)[ways], circumstances | provenance.current() | {"rounds": rows}
        _write(name, profile, costs, comparison.about, {"unit": comparison.unit, "profile": profile} | closing)
        for other, (way, about) in comparison.also.items():
            two = costs[["baseline", way]].set_axis(["baseline", "ours"], axis=1)
            _write(other, profile, two, about, {"unit": comparison.unit, "profile": profile, "rounds_of": name} | closing)
    return file(asked, profile)


def _write(name: str, profile: str, costs: pd.DataFrame, about: Mapping[str, Any], closing: Mapping[str, Any]) -> None:
    said = {key: value() if callable(value) else value for key, value in about.items()}
    result = summary(name, costs) | said | dict(closing)
    atomic_write(file(name, profile), json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def summary(name: str, costs: pd.DataFrame) -> dict:
    """Return name, the median, least and greatest ratio of baseline to ours, and each way's median cost.

    `costs` has one row a round and a column a way.
    """
    ratios = costs["baseline"] / costs["ours"]
    middle = {way: float(f"{statistics.median(costs[way]):.5g}") for way in costs}
    spread = {"ratio_median": ratios.median(), "ratio_min": ratios.min(), "ratio_max": ratios.max()}
    return {"name": name} | {key: float(f"{value:.4g}") for key, value in spread.items()} | middle


def load(name: str, profile: str, missing_ok: bool = False) -> dict | None:
    """Return what the file of a comparison says.

    Raises:
        CxrError: it cannot be read, or was not made and `missing_ok` is not set (else None).
    """
    return measurements.stored(file(name, profile), f"cxr bench {name} --profile {profile}", missing_ok)


def file(name: str, profile: str) -> Path:
    """Return where a comparison's result lies; an unknown name is a CxrError."""
    _check(name)
    return paths.reports(profile) / "benchmarks" / f"{name}.json"


def _rows(path: Path, circumstances: dict) -> list[dict]:
    """Return the rounds that a stopped comparison left, where they were timed under the same circumstances."""
    if not path.is_file():
        return []
    left = json.loads(path.read_text(encoding="utf-8"))
    return left["rounds"] if all(left.get(key) == value for key, value in circumstances.items()) else []


def _module(name: str) -> ModuleType:
    _check(name)
    return importlib.import_module(f"cxr_helpers.benchmarks.{_MODULES[name]}")


def _check(name: str) -> None:
    if name not in NAMES:
        raise CxrError(f"Comparison {name!r} is unknown: choose one of {', '.join(NAMES)}.")
