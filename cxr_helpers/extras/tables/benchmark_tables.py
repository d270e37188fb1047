"""Tables of what `cxr bench` timed: ratios beside their goals, and what a quicker training does to the validation AUC."""

import itertools
import statistics
from collections.abc import Iterable

import pandas as pd

from cxr_helpers.base import stored_results
from cxr_helpers.extras.benchmarks import comparisons
from cxr_helpers.extras.inference import backends

_NONE = "–"
# Comparison -> the least ratio that was the project's goal, fixed before any was measured.
GOALS = {
    "train_vgg16_thesis": 12.0,
    "train_mobilenet_rahman": 15.0,
    "train_mobilenet_rahman_3_views": 15.0,
    "second_experiment": 100.0,
    "fine_tune": 1.5,
    "extract_mobilenet": 2.5,
    "extract_mobilenetv2": 3.0,
    "ingest": 3.0,
    "deploy_latency": 25.0,
}
ONE_VIEW, LARGE_HEAD = "train_mobilenet_rahman", "train_vgg16_thesis"
TRAINED = ("train_vgg16_thesis", "train_mobilenet_rahman", "train_mobilenet_rahman_3_views", "second_experiment", "fine_tune")
EXTRACTED = ("extract_mobilenet", "extract_mobilenetv2", "extract_resnet50", "extract_vgg16")


def compared(profile: str) -> pd.DataFrame:
    """Return one row per comparison of `cxr bench`: ratio with its range, goal, both costs, machine.

    One that was not made names its command.
    """
    rows = []
    for name in comparisons.NAMES:
        found = stored_results.benchmark(name, profile, missing_ok=True)
        row = {"comparison": name}
        if found is None:
            row |= {"ratio (range over rounds)": f"not timed yet: `cxr bench {name}`", "goal": _goal(name)}
            row |= dict.fromkeys(("baseline", "ours", "machine"), _NONE)
        else:
            extrapolated = ", baseline extrapolated" if found.get("extrapolated") else ""
            row |= {"ratio (range over rounds)": _ratio(found) + extrapolated, "goal": _goal(name, found["ratio_median"])}
            row |= {way: f"{_cost(found[way])} {found.get('unit', 's')}" for way in ("baseline", "ours")}
            row |= {"machine": found["machine"]}
        rows.append(row)
    return pd.DataFrame(rows)


def training(profile: str) -> pd.DataFrame:
    """Return one row per comparison of trainings that was made: both times, the ratio, its goal, and both validation AUCs.

    AUCs of whole runs are those of all runs of their system that any comparison knows: a later one may know more.
    """
    made = {name: found for name in TRAINED if (found := stored_results.benchmark(name, profile, missing_ok=True))}
    known: dict[str, list[float]] = {}
    for found, way in itertools.product(made.values(), ("baseline", "ours")):
        source, aucs = found.get(f"{way}_validation_auc_of"), found.get(f"{way}_validation_auc", [])
        if source and len(aucs) > len(known.get(source, [])):
            known[source] = aucs
    rows = []
    for name, found in made.items():
        times = {f"{words} (s)": _cost(found[way]) for way, words in (("baseline", "as written"), ("ours", "here"))}
        row = {"comparison": name} | times | {"ratio (range)": _ratio(found), "goal": _goal(name, found["ratio_median"])}
        for way, words in (("baseline", "as written"), ("ours", "here")):
            aucs = known.get(found.get(f"{way}_validation_auc_of"), found.get(f"{way}_validation_auc"))
            row[f"validation AUC, {words}"] = _aucs(aucs)
        rows.append(row)
    return pd.DataFrame(rows)


def views_sentence(profile: str) -> str:
    """Return in words whether one stored view of each image is enough: its validation AUC beside that of images augmented anew."""
    found = stored_results.benchmark(ONE_VIEW, profile, missing_ok=True)
    if not found or not (found.get("ours_validation_auc") and found.get("baseline_validation_auc")):
        return "What one view costs in AUC was not measured yet."
    ours, anew = found["ours_validation_auc"], found["baseline_validation_auc"]
    enough = "so that one view is enough here" if min(ours) >= min(anew) else "so that one view is too few"
    above = " That it lies above is noted and, with so few seeds, not explained." if min(ours) > max(anew) else ""
    return (
        f"Rahman's protocol with one view has validation AUCs from {min(ours):.4f} to {max(ours):.4f} over {len(ours)} seeds, "
        f"with images augmented anew from {min(anew):.4f} to {max(anew):.4f} over {len(anew)}, {enough}.{above}"
    )


def another_head_sentence(profile: str) -> str:
    """Return in words what another head on VGG-16's stored features costs: its fitting, beside a training as commonly written."""
    found = stored_results.benchmark(LARGE_HEAD, profile, missing_ok=True) or {}
    fitting = [seconds for seconds in found.get("ours_fitting_seconds", []) if seconds]
    if not fitting:
        return "What another head on stored features of VGG-16 costs was not measured yet."
    spent = statistics.median(fitting)
    return (
        f"Another head on stored features of VGG-16 costs the fitting of that head alone, {spent:,.0f} s: "
        f"{found['baseline'] / spent:.0f} times less than the training as written (no goal was set)."
    )


def extraction(profile: str) -> pd.DataFrame:
    """Return one row per backbone and engine that was timed: images/s, share of the matrix-product rate, relative error."""
    rows = []
    for name in EXTRACTED:
        found = stored_results.benchmark(name, profile, missing_ok=True)
        for engine, rate in (found["images_per_second"] if found else {}).items():
            row = {"network": found["network"], "10⁹ multiply-adds": f"{found['multiply_adds'] / 1e9:.2f}"}
            row |= {
                "engine": backends.TITLES[engine],
                "images/s": f"{rate:.1f}",
                "share of the limit": f"{found['share_of_limit'][engine]:.0%}",
            }
            error = found["largest_relative_error"].get(engine)
            rows.append(
                row
                | {
                    "over Keras": f"{rate / found['images_per_second'][backends.KERAS]:.2f}",
                    "relative error": _NONE if error is None else f"{error:.0e}",
                }
            )
    return pd.DataFrame(rows)


def verdicts(names: Iterable[str], profile: str) -> str:
    """Return in words which of these comparisons met their goals; those without a goal are left out."""
    parts = []
    for name in names:
        found = stored_results.benchmark(name, profile, missing_ok=True) if name in GOALS else None
        if found:
            parts.append(f"{name}: {found['ratio_median']:.3g} times (goal {_goal(name, found['ratio_median'])})")
    return "; ".join(parts) + "." if parts else "None of these comparisons was timed yet."


def _cost(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(found: dict) -> str:
    return f"{found['ratio_median']:.3g} ({found['ratio_min']:.3g}–{found['ratio_max']:.3g})"


def _goal(name: str, ratio: float | None = None) -> str:
    """Return the goal of a comparison, with what a ratio makes of it."""
    goal = GOALS.get(name)
    if goal is None or ratio is None:
        return _NONE if goal is None else f"{goal:g}"
    return f"{goal:g}, met" if ratio >= goal else f"{goal:g}, missed by {goal - ratio:.2g}"


def _aucs(found: list[float] | None) -> str:
    """Return the mean AUC of trainings with their range."""
    if not found:
        return _NONE
    spread = f" ({min(found):.4f}–{max(found):.4f}, {len(found)} seeds)" if len(found) > 1 else " (one seed)"
    return f"{statistics.mean(found):.4f}{spread}"
