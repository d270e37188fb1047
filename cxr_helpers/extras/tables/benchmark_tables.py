"""Tables of what `cxr bench` timed: ratios beside their goals, and what a quicker training does to the validation AUC."""

import numpy as np
import pandas as pd

from cxr_helpers.base import stored_results
from cxr_helpers.extras.benchmarks import comparisons
from cxr_helpers.tables.statistics import shown_as

# Comparison -> the least ratio that was the project's goal, fixed before any was measured.
GOALS = {
    "train_vgg16_thesis": 20.0,
    "train_mobilenet_rahman": 15.0,
    "fine_tune": 3.0,
    "extract_mobilenet": 2.5,
    "extract_mobilenetv2": 3.0,
    "extract_mobilenet_bf16": 3.5,
    "extract_mobilenetv2_bf16": 5.0,
    "extract_resnet50_bf16": 2.5,
    "extract_vgg16_bf16": 1.9,
}
TRAINED = ("train_vgg16_thesis", "train_mobilenet_rahman", "fine_tune")
EXTRACTED = tuple(name for name in comparisons.NAMES if name.startswith("extract_"))
_WAYS = (("baseline", "as written"), ("ours", "here"))
RATIO = "ratio (range over rounds)"


def verdict(missed_by: float) -> str:
    """Return the format of how far a goal was missed (0 and below: met)."""
    return "missed by {:.2g}" if missed_by > 0 else "met"


def _cost(value: float) -> str:
    return "{:,.0f}" if value >= 100 else "{:.3g}"


_DIGITS = {RATIO: "{:.3g}", "goal": "{:g}"} | dict.fromkeys(("missed_by", "verdict"), verdict)


def compared(profile: str) -> pd.DataFrame:
    """Return one row per comparison of `cxr bench`: ratio with its range, goal, costs in seconds, AUCs, machine.

    "missed_by": by how much the goal was missed (at most 0: met). One that was not made has its name and its goal alone. An AUC
    is of validation images, the mean over seeds, with the least and the largest as bounds where there are several.
    """
    rows = []
    for name in comparisons.NAMES:
        found = stored_results.benchmark(name, profile, missing_ok=True)
        goal = GOALS.get(name, np.nan)
        ratio, least, largest = (found[f"ratio_{key}"] if found else np.nan for key in ("median", "min", "max"))
        row = {"comparison": name, RATIO: ratio, f"{RATIO}_low": least, f"{RATIO}_high": largest}
        row |= {"goal": goal, "missed_by": goal - ratio}
        for way, words in _WAYS if found else ():
            aucs = pd.Series(found.get(f"{way}_validation_auc") or [], dtype=float)
            low, high = (aucs.min(), aucs.max()) if len(aucs) > 1 else (np.nan, np.nan)
            row |= {f"{words} (s)": found[way], f"AUC {words}": aucs.mean(), f"AUC {words}_low": low, f"AUC {words}_high": high}
            row |= {f"seeds {words}": len(aucs) or np.nan}
        if found:
            row |= {"extrapolated": "yes" if found.get("extrapolated") else "no", "machine": found["machine"]}
        rows.append(row)
    digits = {f"AUC {words}": 4 for _, words in _WAYS} | {f"{words} (s)": _cost for _, words in _WAYS}
    return shown_as(rows, _DIGITS | digits | {f"seeds {words}": 0 for _, words in _WAYS})
