"""The final model: what it reaches on the official test images and outside of them, and which goals it meets."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import calibration, metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import results
from cxr_helpers.training import members, rescoring

FILE = "final_model.json"
# Name in FILE -> the metric of `metrics`.
FIGURES = {"auc": "roc_auc", "accuracy": "accuracy", "sensitivity": "recall", "specificity": "specificity", "ece": "ece"}
# Fixed before any candidate was trained: metric -> (its goal, whether less is better).
GOALS = {"roc_auc": (0.994, False), "accuracy": (0.965, False), "specificity": (0.93, False), "ece": (0.02, True)}
# Column of reports/published.csv -> the metric of `metrics`.
_PUBLISHED = {"accuracy": "accuracy", "ROC AUC": "roc_auc", "sensitivity": "recall", "specificity": "specificity"}
OURS = "final model, @ch:08_final_model"


def goals(run: Record) -> pd.DataFrame:
    """Return one row per goal: figure, goal, value on the official test images with its interval, and whether it is met."""
    found, rows = official(run), []
    for name, (goal, less) in GOALS.items():
        row = found.loc[name]
        gap = row.value - goal if less else goal - row.value
        verdict = "met" if gap <= 0 else f"missed by {gap:.3f}"
        row = {"figure": metrics.TITLES[name], "goal": f"{'≤' if less else '≥'} {goal:g}", "value (95 % CI)": results.cell(row)}
        rows.append(row | {"verdict": verdict})
    return pd.DataFrame(rows)


def calibrated(run: Record) -> pd.DataFrame:
    """Return each measure of calibration on the official test images, beside what perfectly calibrated scores would show there."""
    test = run.split("test")
    found, perfect = calibration.measure(test), calibration.perfect(test)
    rows = [
        {
            "measure": title,
            "value (95 % CI)": results.cell(found.loc[name]),
            "perfectly calibrated (95 % range)": results.cell(perfect.loc[name]) if name in perfect.index else "–",
        }
        for name, title in calibration.TITLES.items()
    ]
    return pd.DataFrame(rows)


def attainable(run: Record) -> str:
    """Return a sentence on whether perfectly calibrated scores would meet the goal for the ECE on so many test images."""
    test, goal = run.split("test"), GOALS["ece"][0]
    perfect, found = calibration.perfect(test).loc["ece_width"], calibration.measure(test).loc["ece_width"]
    judged = "the goal was set too low for so few images" if perfect.value > goal else "which the goal allows"
    beyond = "far more than that" if found.value > perfect.ci_high else "as they would"
    return (
        f"Perfectly calibrated scores would show an ECE of {perfect.value:.3f} on average on these images (goal {goal:g}): "
        f"{judged}. The model's own, {found.value:.3f}, is {beyond} (up to {perfect.ci_high:.3f})."
    )


def official(run: Record) -> pd.DataFrame:
    """Return every metric of a run on the official test images at its own threshold: value, ci_low, ci_high."""
    return metrics.evaluate(run.split("test"), run.info["threshold"])


def write(run: Record, profile: str) -> Path:
    """Store what the final model is and reaches as `FILE` among the profile's tables; return its path.

    Holds run_id, threshold and temperature (unrounded), `official_test` with the names of `FIGURES`, each with NAME_ci =
    [low, high], and external_auc with external_auc_ci, which are null where the adult images were never scored.
    """
    table = official(run).loc[list(FIGURES.values())].astype(float)
    figures = {}
    for name, metric in FIGURES.items():
        figures |= {name: table.value[metric], f"{name}_ci": [table.ci_low[metric], table.ci_high[metric]]}
    content = {"run_id": run.run_id, "threshold": run.info["threshold"], "temperature": run.info["temperature"]}
    content |= {"official_test": figures} | _external(run, profile)
    path = paths.tables(profile) / FILE
    atomic_write(path, json.dumps(content, indent=2) + "\n")
    return path


def outside(run: Record, profile: str) -> str:
    """Return in words what the final model reaches on the adult images, or that they were never scored."""
    found = _external(run, profile)
    if found["external_auc"] is None:
        return "The adult images have not been scored with it: `CXR_EXTERNAL_DIR` names no folder."
    low, high = found["external_auc_ci"]
    return f"On the adult images (@ch:09_external_validation) its AUC is {found['external_auc']:.3f} (95 % CI {low:.3f}–{high:.3f})."


def beside_published(run: Record) -> pd.DataFrame:
    """Return the published results on the official test folder, as reports/published.csv has them, and the final model's below.

    Raises:
        CxrError: reports/published.csv cannot be read.
    """
    found = official(run)
    ours = {name: results.cell(found.loc[metric]) for name, metric in _PUBLISHED.items()}
    return _below("published.csv", {"study": OURS, "reference": "this report", "images": "official test folder"} | ours)


def beside_published_external(run: Record, profile: str) -> pd.DataFrame:
    """Return the published results across sets, reports/published_external.csv, and the final model's on adult images below."""
    area, outside = official(run).loc["roc_auc"], _external(run, profile)
    ours = {"study": OURS, "reference": "this report", "trained on": "Guangzhou set", "internal AUC": results.cell(area)}
    ours |= {"tested on": "adult images of other hospitals"}
    if outside["external_auc"] is not None:
        low, high = outside["external_auc_ci"]
        ours["external AUC"] = f"{outside['external_auc']:.3f} ({low:.3f}–{high:.3f})"
    return _below("published_external.csv", ours)


def _below(file: str, ours: dict[str, str]) -> pd.DataFrame:
    path = paths.reports("full") / file
    try:
        published = pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        raise CxrError(f"{path} cannot be read ({error}); restore it from git.") from error
    return pd.concat([published, pd.DataFrame([ours])], ignore_index=True)


def hours(systems: Mapping[str, Sequence[Record]], profile: str) -> str:
    """Return in words how long the networks behind these systems took to train, each counted once."""
    networks = [network for runs in systems.values() for run in runs for network in members.networks(run, profile)]
    spent = {network.run_id: network.info["wall_time_s"] for network in networks}.values()
    return f"The {len(spent)} networks of this chapter took {sum(spent) / 3600:.1f} hours to train."


def _external(run: Record, profile: str) -> dict:
    tables = rescoring.of([run], profile, rescoring.EXTERNAL)
    if tables is None:
        return {"external_auc": None, "external_auc_ci": None}
    row = metrics.evaluate(tables[0]).loc["roc_auc"].astype(float)
    return {"external_auc": row.value, "external_auc_ci": [row.ci_low, row.ci_high]}
