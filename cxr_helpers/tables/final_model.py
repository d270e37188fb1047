"""The final model: what it reaches on the official test images and outside of them, and which goals it meets."""

import json
from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.data import manifest
from cxr_helpers.evaluation import calibration, metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import candidates, external_sets, statistics

FILE = "final_model.json"
# Name in FILE -> the metric of `metrics`.
FIGURES = {"auc": "roc_auc", "accuracy": "accuracy", "sensitivity": "recall", "specificity": "specificity", "ece": "ece"}
# Fixed before any candidate was trained: metric -> (its goal, whether less is better).
GOALS = {"roc_auc": (0.994, False), "accuracy": (0.965, False), "specificity": (0.93, False), "ece": (0.02, True)}
# Column of reports/published.csv -> the metric of `metrics`.
_PUBLISHED = {"accuracy": "accuracy", "ROC AUC": "roc_auc", "sensitivity": "recall", "specificity": "specificity"}
OURS = "final model, @ch:08_final_model"


def verdict(missed_by: float) -> str:
    """Return the format of how far a goal was missed (0 and below: met)."""
    return "missed by {:.3f}" if missed_by > 0 else "met"


def chosen(profile: str) -> Record | None:
    """Return the final model's record, None where no candidate was made yet (see `candidates.choose`)."""
    found = candidates.made(profile)
    return candidates.choose(found, profile) if found else None


def experiment(run: Record, profile: str) -> str:
    """Return the name of the final model's experiment."""
    return next(name for name, runs in candidates.made(profile).items() if run.run_id in {one.run_id for one in runs})


def official(run: Record) -> pd.DataFrame:
    """Return every metric of a run on the official test images at its own threshold: value, ci_low, ci_high."""
    return metrics.evaluate(run.split("test"), run.info["threshold"])


def goals(run: Record) -> pd.DataFrame:
    """Return one row per goal: figure, goal ("≥ 0.994"), value with bounds, and missed_by (at most 0 where the goal is met)."""
    found, rows = official(run), []
    for name, (goal, less) in GOALS.items():
        row = {"figure": metrics.TITLES[name], "goal": f"{'≤' if less else '≥'} {goal:g}"}
        row |= statistics.columns("value (95 % CI)", found.loc[name])
        rows.append(row | {"missed_by": found.value[name] - goal if less else goal - found.value[name]})
    return statistics.shown_as(rows, dict.fromkeys(("missed_by", "verdict"), verdict))


def write(run: Record, profile: str) -> Path:
    """Store what the final model is and reaches as `FILE` among the profile's tables; return its path.

    Holds run_id, threshold and temperature (unrounded), `official_test` with the names of `FIGURES`, each with NAME_ci =
    [low, high], the same as `duplicates_removed` (with n), `ece_bound` (97.5 % of perfectly calibrated scores of as many images
    have a smaller ECE), `external` (see `external_sets.figures`), and external_auc with external_auc_ci, which are null where the
    adult images were never scored.
    """
    test, elsewhere = run.split("test"), external_sets.figures(external_sets.scores(run, profile))
    alone, adults = without_duplicates(test, profile), elsewhere.get("external_adult", {"auc": None, "auc_ci": None})
    content = {"run_id": run.run_id, "threshold": run.info["threshold"], "temperature": run.info["temperature"]}
    content |= {"official_test": _figures(test, run), "ece_bound": float(calibration.perfect(test).ci_high["ece"])}
    content |= {"duplicates_removed": {"n": len(alone), **_figures(alone, run)}, "external": elsewhere}
    content |= {"external_auc": adults["auc"], "external_auc_ci": adults["auc_ci"]}
    path = paths.tables(profile) / FILE
    atomic_write(path, json.dumps(content, indent=2) + "\n")
    return path


def without_duplicates(scores: pd.DataFrame, profile: str) -> pd.DataFrame:
    """Return the scores of a split with one image of each group whose files have the same bytes, the first by name."""
    digests = manifest.load(profile).set_index("image_id").sha256.reindex(scores.image_id).to_numpy()
    again = pd.Series(digests, scores.image_id).groupby(level=0).first().dropna().sort_index()
    return scores[~scores.image_id.isin(again.index[again.duplicated()])].reset_index(drop=True)


def _figures(scores: pd.DataFrame, run: Record) -> dict:
    """Return `FIGURES` of some test images at the run's threshold: NAME and NAME_ci."""
    table, found = metrics.evaluate(scores, run.info["threshold"]).astype(float), {}
    for name, metric in FIGURES.items():
        found |= {name: table.value[metric], f"{name}_ci": [table.ci_low[metric], table.ci_high[metric]]}
    return found


def beside_published(run: Record) -> pd.DataFrame:
    """Return the published results on the official test folder, reports/published.csv, and the final model's below."""
    found, row = official(run), {"study": OURS, "reference": "this report", "images": "official test folder"}
    for name, metric in _PUBLISHED.items():
        row |= statistics.columns(name, found.loc[metric])
    published = stored_results.read(paths.reports("full") / "published.csv", "")
    table = pd.concat([published, pd.DataFrame([row])], ignore_index=True)
    table.attrs["digits"] = {name: lambda value, ours=row[name]: 3 if value == ours else "{:g}" for name in _PUBLISHED}
    return table
