"""Measurements that are no training run: `cxr measure NAME` makes them, `base.stored_results` reads them."""

import gzip
import io
import json
import os
import time
from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import lazy, stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks.harness import COLUMNS

measured_on = lazy.module("cxr_helpers.extras.makers.measured_on")

# Of each, `measure(profile)` gives all repeats and `figures(repeats)` their figures.
MODULES = {
    "complexity": lazy.module("cxr_helpers.extras.benchmarks.scaling"),
    "copies": lazy.module("cxr_helpers.extras.benchmarks.copies"),
    "flags": lazy.module("cxr_helpers.extras.benchmarks.segmenter_flags"),
    "hospitals": lazy.module("cxr_helpers.extras.benchmarks.hospital_matrix"),
    "maps": lazy.module("cxr_helpers.extras.benchmarks.map_speed"),
    "precision": lazy.module("cxr_helpers.extras.benchmarks.feature_precision"),
    "regions": lazy.module("cxr_helpers.extras.benchmarks.region_probes"),
    "speed": lazy.module("cxr_helpers.extras.benchmarks.speed"),
    "warnings": lazy.module("cxr_helpers.extras.benchmarks.false_warnings"),
}
NAMES = tuple(MODULES)


def measure(name: str, profile: str) -> Path:
    """Make a measurement, store it, and return the file of its figures.

    Three files are written: NAME_repeats.csv.gz (every repeat, as the measuring module describes it), NAME.json (machine, load
    before the measurement, date, versions) and NAME.csv (the figures, columns `COLUMNS`, of the repeats as they are stored).

    Raises:
        CxrError: the measurement is unknown.
    """
    if name not in MODULES:
        raise CxrError(f"Measurement {name!r} is unknown: choose one of {', '.join(NAMES)}.")
    load, started = os.getloadavg()[0], time.perf_counter()
    repeats = MODULES[name].measure(profile)
    about = {"measurement": name, "profile": profile, "load_before": round(load, 2)}
    about |= {"seconds": round(time.perf_counter() - started, 1)} | measured_on.about()
    folder = paths.reports(profile) / "measurements"
    content = repeats.to_csv(index=False, float_format="%.9g").encode()
    atomic_write(folder / f"{name}_repeats.csv.gz", gzip.compress(content, mtime=0))
    atomic_write(folder / f"{name}.json", json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    path = folder / f"{name}.csv"
    atomic_write(path, figures(name, io.BytesIO(content)))
    return path


def figures(name: str, repeats: io.BytesIO | Path) -> str:
    """Return the text of NAME.csv that belongs to a file of repeats."""
    return MODULES[name].figures(pd.read_csv(repeats))[COLUMNS].to_csv(index=False, float_format="%.6g")


def load_or_measure(name: str, profile: str) -> pd.DataFrame:
    """Return the figures of a measurement; in the smoke profile, where it takes seconds, it is made if it is absent."""
    if profile == "smoke" and stored_results.measurement(name, profile, missing_ok=True) is None:
        measure(name, profile)
    return stored_results.measurement(name, profile)
