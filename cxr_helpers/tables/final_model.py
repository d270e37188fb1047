"""The final model: what it reaches on the official test images and outside of them, and which goals it meets."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.data import manifest
from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import candidates, selection, statistics
from cxr_helpers.training import rescoring

FILE = "final_model.json"
# Name in FILE -> the metric of `metrics`.
FIGURES = {"auc": "roc_auc", "accuracy": "accuracy", "sensitivity": "recall", "specificity": "specificity", "ece": "ece"}
# Fixed before any candidate was trained: metric -> (its goal, whether less is better).
GOALS = {"roc_auc": (0.994, False), "accuracy": (0.965, False), "specificity": (0.93, False), "ece": (0.02, True)}
# Column of reports/published.csv -> the metric of `metrics`.
_PUBLISHED = {"accuracy": "accuracy", "ROC AUC": "roc_auc", "sensitivity": "recall", "specificity": "specificity"}
OURS = "final model, @ch:08_final_model"
ADULT_AGE = 18  # years
# Name -> (what the figure is of, its goal for the AUC or None); fixed before a model was chosen, and no choice was made on them.
SETS = {
    "nih_radiologists": ("NIH, radiologists' class", 0.90),
    "nih_radiologists_ap": ("NIH, radiologists' class, view AP", None),
    "nih_radiologists_pa": ("NIH, radiologists' class, view PA", None),
    "nih_text_mined": ("NIH, labels mined from reports", None),
    "nih_children": ("NIH, children, labels mined from reports", None),
    "external_adult": ("case reports, adults", 0.85),
    "rsna_lungs_ap": ("RSNA, lungs alone, view AP", 0.80),
    "rsna_lungs_pa": ("RSNA, lungs alone, view PA", 0.80),
    "rsna_lungs_children": ("RSNA, lungs alone, children", None),
}
STORED = ("nih_radiologists", "nih_children", "external_adult", "rsna_lungs_ap", "rsna_lungs_pa")  # in final_model.json


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
    digits = dict.fromkeys(("missed_by", "verdict"), lambda gap: "missed by {:.3f}" if gap > 0 else "met")
    return statistics.shown_as(rows, digits)


def write(run: Record, profile: str) -> Path:
    """Store what the final model is and reaches as `FILE` among the profile's tables; return its path.

    Holds run_id, threshold and temperature (unrounded), `official_test` with the names of `FIGURES`, each with NAME_ci =
    [low, high], the same as `duplicates_removed` (with n), `ece_bound` (97.5 % of perfectly calibrated scores of as many images
    have a smaller ECE), `external` (see `hospital_figures`), and external_auc with external_auc_ci, which are null where the
    adult images were never scored.
    """
    test, elsewhere = run.split("test"), hospital_figures(hospital_scores(run, profile))
    alone, adults = without_duplicates(test, profile), elsewhere.get("external_adult", {"auc": None, "auc_ci": None})
    content = {"run_id": run.run_id, "threshold": run.info["threshold"], "temperature": run.info["temperature"]}
    content |= {
        "official_test": _figures(test, run.info["threshold"]),
        "ece_bound": float(metrics.perfect(test).ci_high["ece"]),
    }
    content |= {"duplicates_removed": {"n": len(alone), **_figures(alone, run.info["threshold"])}, "external": elsewhere}
    content |= {"external_auc": adults["auc"], "external_auc_ci": adults["auc_ci"]}
    path = paths.tables(profile) / FILE
    atomic_write(path, json.dumps(content, indent=2) + "\n")
    return path


def without_duplicates(scores: pd.DataFrame, profile: str) -> pd.DataFrame:
    """Return the scores of a split with one image of each group whose files have the same bytes, the first by name."""
    digests = manifest.load(profile).set_index("image_id").sha256.reindex(scores.image_id).to_numpy()
    again = pd.Series(digests, scores.image_id).groupby(level=0).first().dropna().sort_index()
    return scores[~scores.image_id.isin(again.index[again.duplicated()])].reset_index(drop=True)


def _figures(scores: pd.DataFrame, threshold: float, names: Mapping[str, str] = FIGURES) -> dict:
    """Return metrics of some images at a threshold, named as in `FIGURES`: NAME and NAME_ci."""
    table, found = metrics.evaluate(scores, threshold).astype(float), {}
    for name, metric in names.items():
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


def hospital_scores(run: Record, profile: str) -> dict[str, pd.DataFrame]:
    """Return the scores behind each name of `SETS` whose images the run has scored, as `metrics` takes them."""
    found, adults = {}, rescoring.of(run, profile, rescoring.EXTERNAL)
    if adults is not None:
        found["external_adult"] = adults
    nih, lungs = (rescoring.stored(run, name) for name in (rescoring.NIH, rescoring.LUNGS))
    if nih is not None:
        known = judged(nih)
        found |= {"nih_radiologists": known, "nih_text_mined": nih, "nih_children": nih[_young(nih)]}
        found |= {f"nih_radiologists_{view.lower()}": known[known["view"] == view] for view in ("AP", "PA")}
    if lungs is not None:
        known = judged(lungs)
        found |= {f"rsna_lungs_{view.lower()}": known[known["view"] == view] for view in ("AP", "PA")}
        found["rsna_lungs_children"] = known[_young(known)]
    return {name: found[name].reset_index(drop=True) for name in SETS if name in found}


def hospital_figures(scored: Mapping[str, pd.DataFrame]) -> dict[str, dict]:
    """Return auc, auc_ci, n and n_normal of each name of `STORED` that was scored."""
    rows = {}
    for name in filter(scored.__contains__, STORED):
        counted = {"n": len(scored[name]), "n_normal": int((scored[name].y_true == 0).sum())}
        rows[name] = _figures(scored[name], selection.THRESHOLD, {"auc": "roc_auc"}) | counted
    return rows


def hospital_table(scored: dict[str, pd.DataFrame], threshold: float) -> pd.DataFrame:
    """Return one row per set: images, normal ones, those of children, figures at the threshold, goal, AUC of the mask alone."""
    rows = []
    for name, part in scored.items():
        title, goal = SETS[name]
        found = metrics.evaluate(part, threshold)
        row = {"images of": title, "n": len(part), "normal": int((part.y_true == 0).sum())}
        row |= {"children": int(_young(part).sum()) if "age" in part else 0, "goal, AUC": goal or np.nan}
        for key in ("roc_auc", "recall", "specificity"):
            row |= statistics.columns(metrics.TITLES[key], found.loc[key])
        alone = metrics.evaluate(part.assign(y_score=part.by_mask)).loc["roc_auc"] if "by_mask" in part else None
        rows.append(row | statistics.columns("AUC, mask alone", alone))
    return statistics.shown_as(rows, {"goal, AUC": 2, "n": 0, "normal": 0, "children": 0})


def judged(images: pd.DataFrame) -> pd.DataFrame:
    """Return the images that radiologists called opacity or normal, labelled by them."""
    known = images[images.finding.isin(["Lung Opacity", "Normal"])]
    return known.assign(y_true=(known.finding == "Lung Opacity").astype(int))


def _young(images: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(images.age) < ADULT_AGE
