"""What rescored images say: adult images of other hospitals, and corrupted test images, at operating points chosen on validation."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.data.corruptions import CORRUPTIONS
from cxr_helpers.evaluation import agreement, metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import results

SETS = ("official test", "adult")
METRICS = ("roc_auc", "recall", "specificity")
FEWEST = 5  # patients; an interval over fewer would say nothing
_COLUMNS = {"roc_auc": "ROC AUC", "recall": "Sensitivity", "specificity": "Specificity", "brier": "Brier score", "ece": "ECE"}
_Systems = Mapping[str, Sequence[pd.DataFrame]]


def composition(images: pd.DataFrame) -> pd.DataFrame:
    """Return what a set of rescored external images holds: class, view, images, patients."""
    groups = images.assign(label=images.y_true.map(dict(enumerate(results.CLASSES)))).groupby(["label", "view"])
    table = groups.agg(images=("image_id", "size"), patients=("patient_id", "nunique"))
    return table.reset_index().rename(columns={"label": "class"})


def inside_and_outside(inside: _Systems, outside: _Systems, thresholds: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Return two rows per system, test images and adult images, with AUC, sensitivity, specificity, Brier score and ECE.

    Args:
        inside: title → scores of the official test images, one frame per run.
        outside: title → external.csv, one frame per run.
        thresholds: title → operating points chosen on validation, one per run.
    """
    rows = []
    for name in outside:
        for title, runs in zip(SETS, (inside[name], outside[name]), strict=True):
            found = metrics.evaluate_seeds(runs, thresholds[name])
            cells = {column: results.cell(found.loc[metric]) for metric, column in _COLUMNS.items()}
            rows.append({"system": name, "images": title, **cells})
    return pd.DataFrame(rows)


def groups(runs: Sequence[pd.DataFrame], thresholds: Sequence[float], by: str) -> pd.DataFrame:
    """Return one row per `by` ("view" or "finding") of the adult images, largest first; means over runs, intervals over patients.

    Columns: the group, images, patients, mean P(PNEUMONIA), share called PNEUMONIA (their intervals only with `FEWEST`
    patients or more), and AUC ("–" where a class has fewer), left out where no group has one.
    """
    images = runs[0].assign(
        mean=np.mean([run.y_score for run in runs], axis=0),
        called=np.mean([run.y_score >= limit for run, limit in zip(runs, thresholds, strict=True)], axis=0),
    )
    rows = []
    for name, part in sorted(images.groupby(by), key=lambda pair: -len(pair[1])):
        row = {by: name, "images": len(part), "patients": part.patient_id.nunique()}
        for column, title in (("mean", "mean P(PNEUMONIA)"), ("called", "called PNEUMONIA")):
            found = agreement.mean_interval(part[column].to_numpy(), part.patient_id.to_numpy())
            row[title] = results.cell(found) if row["patients"] >= FEWEST else f"{found.value:.3f}"
        enough = part.groupby("y_true").patient_id.nunique().reindex([0, 1], fill_value=0).min() >= FEWEST
        chosen = [run[run[by] == name] for run in runs]
        rows.append(row | {"AUC": results.cell(metrics.evaluate_seeds(chosen).loc["roc_auc"]) if enough else "–"})
    table = pd.DataFrame(rows)
    return table.drop(columns="AUC") if (table.AUC == "–").all() else table


def against_severity(runs: Sequence[Record], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return AUC, sensitivity and specificity of a system by kind and severity of the corruption, and their change.

    Args:
        runs: of the system; their validation images give the operating points, their test images the labels.
        tables: perturbed.csv of each run.

    Returns:
        corruption, severity, metric; value, ci_low, ci_high; change, change_low, change_high (paired with the same
        images as they are). Means over runs, 95 % intervals over patients.
    """
    limits, rows = results.thresholds(runs), []
    for kind, corruption in CORRUPTIONS.items():
        plain = _graded(runs, tables, kind, 0)
        for severity in range(len(corruption.levels) + 1):
            images = _graded(runs, tables, kind, severity)
            found, change = metrics.evaluate_seeds(images, limits), metrics.difference(images, plain, (limits, limits))
            for metric in METRICS:
                row = {"corruption": kind, "severity": severity, "metric": metric, **found.loc[metric]}
                shift = dict(zip(("change", "change_low", "change_high"), change.loc[metric], strict=True))
                rows.append(row | shift)
    return pd.DataFrame(rows)


def severest(curve: pd.DataFrame) -> pd.DataFrame:
    """Return one row per kind at its largest severity: level, AUC and its change, sensitivity, specificity, with intervals."""
    rows = []
    for kind, corruption in CORRUPTIONS.items():
        part = curve[(curve.corruption == kind) & (curve.severity == len(corruption.levels))].set_index("metric")
        auc = part.loc["roc_auc"]
        row = {"corruption": kind, "level": f"{corruption.levels[-1]:g} ({corruption.unit})", "AUC": results.cell(auc)}
        row["change in AUC"] = results.signed(auc.change, auc.change_low, auc.change_high)
        rows.append(row | {"sensitivity": results.cell(part.loc["recall"]), "specificity": results.cell(part.loc["specificity"])})
    return pd.DataFrame(rows)


def _graded(runs: Sequence[Record], tables: Sequence[pd.DataFrame], kind: str, severity: int) -> list[pd.DataFrame]:
    """Return the scores of the test images in one corruption, one frame per run, with patients and labels."""
    frames = []
    for run, table in zip(runs, tables, strict=True):
        part = table[(table.perturbation == kind) & (table.severity == severity)]
        frames.append(run.split("test").drop(columns="y_score").merge(part[["image_id", "y_score"]], on="image_id"))
    return frames
