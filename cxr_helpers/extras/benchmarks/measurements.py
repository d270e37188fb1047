"""Measurements that are no training run: made by `cxr measure NAME`, kept beside the reports, read by chapters and the table."""

import importlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from scipy import stats

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError

_MODULES = {  # of this package, imported only to measure or to work out figures
    "accelerator": "accelerator",
    "adults": "adult_nulls",
    "candidates": "candidate_speed",
    "complexity": "scaling",
    "compression": "compression",
    "copies": "copies",
    "deployment": "export_measurements",
    "maps": "map_speed",
    "reproducibility": "reproducibility",
    "shift": "shift",
    "speed": "speed",
    "warnings": "false_warnings",
}
NAMES = tuple(_MODULES)
COLUMNS = ["figure", "value", "ci_low", "ci_high"]


def measure(name: str, profile: str) -> Path:
    """Make a measurement, store it, and return the file of its figures.

    Three files are written: NAME_repeats.csv (every repeat, as the measuring module describes it), NAME.json (machine,
    load before the measurement, date, versions) and NAME.csv (the figures, columns `COLUMNS`).
    """
    module = _module(name)
    load, started = os.getloadavg()[0], time.perf_counter()
    repeats = module.measure(profile)
    from cxr_helpers.training import run_environment

    about = {"measurement": name, "profile": profile, "machine": run_environment.machine(), "load_before": round(load, 2)}
    about |= {"seconds": round(time.perf_counter() - started, 1)} | run_environment.current()
    folder = _folder(profile)
    atomic_write(folder / f"{name}_repeats.csv", repeats.to_csv(index=False, float_format="%.6g"))
    atomic_write(folder / f"{name}.json", json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    path = folder / f"{name}.csv"
    atomic_write(path, module.figures(repeats)[COLUMNS].to_csv(index=False, float_format="%.6g"))
    return path


def load(name: str, profile: str, missing_ok: bool = False) -> pd.DataFrame | None:
    """Return the figures of a measurement: figure (its name), value, ci_low, ci_high (NaN where there is no interval).

    Raises:
        CxrError: the measurement is unknown, cannot be read, or was not made and `missing_ok` is not set (else None).
    """
    return _read(f"{name}.csv", name, profile, missing_ok)


def repeats(name: str, profile: str) -> pd.DataFrame:
    """Return every repeat of a measurement, as the measuring module describes it; errors as `load`."""
    return _read(f"{name}_repeats.csv", name, profile)


def about(name: str, profile: str) -> dict:
    """Return what NAME.json says: machine, load before (runnable processes), seconds, date, versions; errors as `load`."""
    return _read(f"{name}.json", name, profile)


def load_or_measure(name: str, profile: str) -> pd.DataFrame:
    """Return the figures of a measurement; in the smoke profile, where it takes seconds, it is made if it is absent."""
    if profile == "smoke" and load(name, profile, missing_ok=True) is None:
        measure(name, profile)
    return load(name, profile)


def rounds(works: Mapping[tuple, Callable], count: int, rng: np.random.Generator, label: str) -> list[tuple]:
    """Return (round, *key, seconds) of all works by key, every one once a round.

    A round has a new random order, so that a slow spell of the machine meets all alike. Every work is done once before,
    untimed, because the first call compiles. `label` says on the terminal whose rounds these are.
    """
    for work in works.values():
        work()
    keys, rows = list(works), []
    for place in range(count):
        say(f"{label}: round {place + 1} of {count}")
        rows += [(place, *keys[chosen], seconds(works[keys[chosen]])) for chosen in rng.permutation(len(keys))]
    return rows


def seconds(work: Callable) -> float:
    """Return the seconds that one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(name: str, values: np.ndarray) -> dict:
    """Return a figure, the median of `values` (n,), with its 95 % interval: figure, value, ci_low, ci_high.

    The interval is a percentile bootstrap (Efron and Tibshirani 1993); what was measured once has none.
    """
    interval = (np.nan, np.nan)
    if len(values) > 1:
        interval = stats.bootstrap((values,), np.median, n_resamples=2000, method="percentile", rng=0).confidence_interval
    return {"figure": name, "value": np.median(values), "ci_low": interval[0], "ci_high": interval[1]}


def spread(row: pd.Series) -> str:
    """Return "12.3 (11.9–13.0)" of a row of figures: value, ci_low, ci_high, three significant digits each."""
    value, low, high = (f"{number:,.0f}" if number >= 100 else f"{number:#.3g}" for number in row[["value", "ci_low", "ci_high"]])
    return f"{value} ({low}–{high})"


def _module(name: str) -> ModuleType:
    """Return the module whose `measure(profile)` gives all repeats and whose `figures(repeats)` their figures."""
    _check(name)
    return importlib.import_module(f"cxr_helpers.extras.benchmarks.{_MODULES[name]}")


def _check(name: str) -> None:
    if name not in NAMES:
        raise CxrError(f"Measurement {name!r} is unknown: choose one of {', '.join(NAMES)}.")


def _read(file: str, name: str, profile: str, missing_ok: bool = False) -> pd.DataFrame | dict | None:
    _check(name)
    return stored_results.read(_folder(profile) / file, f"cxr measure {name} --profile {profile}", missing_ok)


def _folder(profile: str) -> Path:
    return paths.reports(profile) / "measurements"
