"""What a source document leaves open, and the readings that were made of it (reports/readings.toml, reports/readings/)."""

import math
from collections.abc import Callable

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.config import one_of
from cxr_helpers.tables import statistics

# Figures that a reading has no column of, from those that it has: (table, split, images of PNEUMONIA, of NORMAL) -> values.
_DERIVED: dict[str, Callable] = {
    "tp": lambda table, split, positives, negatives: table[f"{split}_recall"] * positives,
    "fn": lambda table, split, positives, negatives: (1 - table[f"{split}_recall"]) * positives,
    "tn": lambda table, split, positives, negatives: table[f"{split}_specificity"] * negatives,
    "fp": lambda table, split, positives, negatives: (1 - table[f"{split}_specificity"]) * negatives,
    "training accuracy": lambda table, split, positives, negatives: table.train_accuracy,
    statistics.GAP: lambda table, split, positives, negatives: table.train_accuracy - table[f"{split}_accuracy"],
}


def claim(name: str) -> dict:
    """Return what readings.toml says of a claim; an unknown name is a CxrError that lists the known ones."""
    claims = stored_results.read(paths.reports("full") / "readings.toml", "")
    return claims[one_of("readings", name, claims)]


def choices(text: dict) -> pd.DataFrame:
    """Return one row per choice of a claim, the stopping rule last: choice, options, why."""
    rows = [*text["choices"], {"name": "stopping", **text["stopping"]}]
    return pd.DataFrame([{"choice": row["name"], "options": "; ".join(row["options"]), "why": row["why"]} for row in rows])


def load(name: str, profile: str, missing_ok: bool = False) -> pd.DataFrame | None:
    """Return the readings of a claim, as `extras.makers.readings.make` makes them; errors as `stored_results.read`."""
    path = paths.reports(profile) / "readings" / f"{name}.csv"
    return stored_results.read(path, f"cxr readings {name} --profile {profile}", missing_ok)


def planned(text: dict) -> int:
    """Return how many readings a claim has when all its combinations are trained."""
    return math.prod(len(choice["options"]) for choice in [*text["choices"], text["stopping"]])


def values(table: pd.DataFrame, split: str, metric: str, images: tuple[int, int]) -> list[float]:
    """Return a figure of every reading, measured on so many `images` of PNEUMONIA and NORMAL; empty where there is none."""
    if metric in _DERIVED:
        return _DERIVED[metric](table, split, *images).to_list()
    return table[f"{split}_{metric}"].to_list() if f"{split}_{metric}" in table else []
