"""Tables of what `cxr bench` timed: ratios beside their goals, and what a quicker training does to the validation AUC."""

import numpy as np
import pandas as pd

from cxr_helpers.base import stored_results
from cxr_helpers.extras.benchmarks import comparisons
from cxr_helpers.extras.inference import backends
from cxr_helpers.tables.statistics import shown_as

# Comparison -> the least ratio that was the project's goal, fixed before any was measured.
GOALS = {
    "train_vgg16_thesis": 12.0,
    "train_mobilenet_rahman": 15.0,
    "second_experiment": 100.0,
    "fine_tune": 1.5,
    "extract_mobilenet": 2.5,
    "extract_mobilenetv2": 3.0,
}
TRAINED = ("train_vgg16_thesis", "train_mobilenet_rahman", "second_experiment", "fine_tune")
EXTRACTED = ("extract_mobilenet", "extract_mobilenetv2", "extract_resnet50", "extract_vgg16")
_WAYS = (("baseline", "as written"), ("ours", "here"))
RATIO = "ratio (range over rounds)"


def verdict(missed_by: float) -> str:
    """Return the format of how far a goal was missed (0 and below: met)."""
    return "missed by {:.2g}" if missed_by > 0 else "met"


def _cost(value: float) -> str:
    return "{:,.0f}" if value >= 100 else "{:.3g}"


_DIGITS = {RATIO: "{:.3g}", "goal": "{:g}"} | dict.fromkeys(("missed_by", "verdict"), verdict)


def compared(profile: str) -> pd.DataFrame:
    """Return one row per comparison of `cxr bench`: ratio with its range, goal, missed_by, both costs in seconds, machine.

    One that was not made has its name and its goal alone.
    """
    rows = []
    for name in comparisons.NAMES:
        found = stored_results.benchmark(name, profile, missing_ok=True)
        row = {"comparison": name} | _ratio(name, found)
        if found:
            row |= {way: found[way] for way, _ in _WAYS} | {"machine": found["machine"]}
            row |= {"baseline extrapolated": "yes" if found.get("extrapolated") else "no"}
        rows.append(row)
    return shown_as(rows, _DIGITS | {"baseline": _cost, "ours": _cost})


def training(profile: str) -> pd.DataFrame:
    """Return one row per comparison of trainings that was made: both times, the ratio, its goal, and both validation AUCs.

    An AUC is the mean over seeds, with the least and the largest as bounds where there are several.
    """
    rows, digits = [], {}
    for name in TRAINED:
        found = stored_results.benchmark(name, profile, missing_ok=True)
        if not found:
            continue
        row = {"comparison": name} | {f"{words} (s)": found[way] for way, words in _WAYS} | _ratio(name, found)
        for way, words in _WAYS:
            aucs, title = pd.Series(found.get(f"{way}_validation_auc") or [], dtype=float), f"validation AUC, {words}"
            low, high = (aucs.min(), aucs.max()) if len(aucs) > 1 else (np.nan, np.nan)
            row |= {title: aucs.mean(), f"{title}_low": low, f"{title}_high": high, f"seeds, {words}": len(aucs)}
            digits |= {title: 4, f"{words} (s)": _cost}
        rows.append(row)
    return shown_as(rows, _DIGITS | digits)


def extraction(profile: str) -> pd.DataFrame:
    """Return one row per backbone and engine that was timed: images/s, share of the matrix-product rate, relative error."""
    rows = []
    for name in EXTRACTED:
        found = stored_results.benchmark(name, profile, missing_ok=True)
        for engine, rate in (found["images_per_second"] if found else {}).items():
            row = {"network": found["network"], "10⁹ multiply-adds": found["multiply_adds"] / 1e9}
            row |= {"engine": backends.TITLES[engine], "images/s": rate, "share of the limit": found["share_of_limit"][engine]}
            row |= {"over Keras": rate / found["images_per_second"][backends.KERAS]}
            rows.append(row | {"relative error": found["largest_relative_error"].get(engine, np.nan)})
    digits = {"10⁹ multiply-adds": 2, "images/s": "{:.1f}", "share of the limit": "{:.0%}", "over Keras": 2}
    return shown_as(rows, _DIGITS | digits | {"relative error": "{:.0e}"})


def _ratio(name: str, found: dict | None) -> dict:
    """Return the ratio of a comparison with its bounds, its goal, and by how much it was missed (at most 0: met)."""
    goal = GOALS.get(name, np.nan)
    ratio, least, largest = (found[f"ratio_{key}"] if found else np.nan for key in ("median", "min", "max"))
    return {RATIO: ratio, f"{RATIO}_low": least, f"{RATIO}_high": largest, "goal": goal, "missed_by": goal - ratio}
