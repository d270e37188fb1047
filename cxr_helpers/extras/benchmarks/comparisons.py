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
from cxr_helpers.base import stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import measurements

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
    less being better; or the cost and a mapping of what else to keep of it, which the result has as `<way>_<key>`, a list over
    rounds. `about` describes the ways in words and holds whatever else the result should say; a callable there
    is asked at the end. Ratios are baseline over ours, round by round: above 1 ours is the faster. `also` names further
    comparisons of the same rounds: name -> (the way that is ours there, about).
    """

    def __init__(
        self,
        works: Mapping[str, Callable[[], float | tuple[float, dict[str, Any]]]],
        rounds: int,
        unit: str = "s",
        also: Mapping[str, tuple[str, dict[str, Any]]] | None = None,
        **about: Any,
    ) -> None:
        self.works, self.rounds, self.unit, self.about = works, rounds, unit, about
        self.place = 0  # the round that is being timed, from 0
        self.also = also or {}


def run(name: str, profile: str, afresh: bool = False) -> Path:
    """Time a comparison in rounds and return its file, which is written after every round.

    A stopped comparison goes on where it was, in the middle of a round too, if machine and packages are the same; `afresh`
    begins anew.

    Raises:
        CxrError: the name is unknown.
    """
    _check(name)
    name, asked = _WITHIN.get(name, name), name
    module = _module(name)
    from cxr_helpers.training import run_environment

    circumstances = {"machine": run_environment.machine(), "packages": run_environment.current()["packages"]}
    begun = paths.build(profile) / "benchmarks" / f"{name}.json"  # a round that is not whole yet
    rows, row = [], {}
    if not afresh:
        rows, row = _left(file(name, profile), "rounds", circumstances) or [], _left(begun, "round", circumstances) or {}
    comparison = module.prepare(name, profile)
    ways = list(comparison.works)
    while len(rows) < comparison.rounds:
        comparison.place, row = len(rows), {"load_before": round(os.getloadavg()[0], 2), "seconds": 0.0} | row
        for way in ways[len(rows) % len(ways) :] + ways[: len(rows) % len(ways)]:  # every way is first in some round
            if way not in row:
                started = time.perf_counter()
                cost = comparison.works[way]()
                row[way], said = cost if isinstance(cost, tuple) else (cost, {})
                row |= {f"{way}_{key}": value for key, value in said.items()}
                row["seconds"] = round(row["seconds"] + time.perf_counter() - started, 1)
                atomic_write(begun, json.dumps(circumstances | {"round": row}))
            say(f"bench {name}: round {len(rows) + 1} of {comparison.rounds}, {way} {row[way]:.4g} {comparison.unit}")
        rows, row = [*rows, row], {}
        _write(name, profile, comparison, rows, circumstances)
        begun.unlink()
    if not file(asked, profile).is_file():  # one that is computed from the same rounds was lost
        _write(name, profile, comparison, rows, circumstances)
    return file(asked, profile)


def _write(name: str, profile: str, comparison: Comparison, rows: list[dict], circumstances: Mapping[str, Any]) -> None:
    """Write a comparison's file, and those that are computed from the same rounds."""
    from cxr_helpers.training import run_environment

    closing = {"unit": comparison.unit, "profile": profile} | circumstances | run_environment.current() | {"rounds": rows}
    _write_one(name, profile, rows, {way: way for way in comparison.works}, comparison.about, closing)
    for other, (way, about) in comparison.also.items():
        _write_one(other, profile, rows, {"baseline": "baseline", "ours": way}, about, {"rounds_of": name} | closing)


def _write_one(
    name: str, profile: str, rows: list[dict], ways: Mapping[str, str], about: Mapping[str, Any], closing: Mapping[str, Any]
) -> None:
    """Write what rounds say of a comparison; `ways` gives for each way the one that stands for it in the rounds."""
    costs = pd.DataFrame({way: [row[held] for row in rows] for way, held in ways.items()})
    said = {key: value() if callable(value) else value for key, value in about.items()}
    for way, held in ways.items():
        for key in dict.fromkeys(key for row in rows for key in row if key.startswith(f"{held}_")):
            said[f"{way}{key.removeprefix(held)}"] = [row.get(key) for row in rows]  # an earlier version may have noted less
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
    return stored_results.read(file(name, profile), f"cxr bench {name} --profile {profile}", missing_ok)


def file(name: str, profile: str) -> Path:
    """Return where a comparison's result lies; an unknown name is a CxrError."""
    _check(name)
    return paths.reports(profile) / "benchmarks" / f"{name}.json"


def _left(path: Path, key: str, circumstances: dict) -> Any:
    """Return what a stopped comparison left under a key of a file, None where it is not there or of other circumstances.

    Raises:
        CxrError: the file is no JSON.
    """
    if not path.is_file():
        return None
    try:
        left = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CxrError(f"{path} cannot be read ({error}); restore it, or run the comparison --afresh.") from error
    return left[key] if all(left.get(name) == value for name, value in circumstances.items()) else None


def _module(name: str) -> ModuleType:
    _check(name)
    return importlib.import_module(f"cxr_helpers.extras.benchmarks.{_MODULES[name]}")


def _check(name: str) -> None:
    if name not in NAMES:
        raise CxrError(f"Comparison {name!r} is unknown: choose one of {', '.join(NAMES)}.")
