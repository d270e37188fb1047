"""What rescored images say, at operating points chosen on validation: adult images elsewhere, and corrupted test images."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxr_helpers.data.corruptions import CORRUPTIONS
from cxr_helpers.evaluation import bootstrap, metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import selection, statistics

METRICS = ("roc_auc", "recall", "specificity")
FEWEST = 5  # patients; an interval over fewer would say nothing


def groups(runs: Sequence[pd.DataFrame], thresholds: Sequence[float], by: str) -> pd.DataFrame:
    """Return one row per `by` ("view" or "finding") of the adult images, largest first; means over runs, intervals over patients.

    Columns: the group, images, patients, mean P(PNEUMONIA), share called PNEUMONIA (their intervals only with `FEWEST`
    patients or more), and AUC (NaN where a class has fewer), left out where no group has one.
    """
    images = runs[0].assign(
        mean=np.mean([run.y_score for run in runs], axis=0),
        called=np.mean([run.y_score >= limit for run, limit in zip(runs, thresholds, strict=True)], axis=0),
    )
    rows = []
    for name, part in sorted(images.groupby(by), key=lambda pair: -len(pair[1])):
        row = {by: name, "images": len(part), "patients": part.patient_id.nunique()}
        for column, title in (("mean", "mean P(PNEUMONIA)"), ("called", "called PNEUMONIA")):
            found = bootstrap.mean_interval(part[column].to_numpy(), part.patient_id.to_numpy())
            if row["patients"] < FEWEST:
                found[["ci_low", "ci_high"]] = np.nan
            row |= statistics.columns(title, found)
        enough = part.groupby("y_true").patient_id.nunique().reindex([0, 1], fill_value=0).min() >= FEWEST
        chosen = [run[run[by] == name] for run in runs]
        rows.append(row | statistics.columns("AUC", metrics.evaluate_seeds(chosen).loc["roc_auc"] if enough else None))
    return pd.DataFrame(rows).dropna(axis=1, how="all")


def against_severity(runs: Sequence[Record], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return AUC, sensitivity and specificity of an experiment by kind and severity of the corruption, and their change.

    Validation images give the operating points; `tables` hold each run's corrupted test images, as `rescoring.of` gives them.
    The change is paired with the same images as they are. Means over runs, 95 % intervals over patients.
    """
    limits, rows = selection.thresholds(runs), []
    for kind, corruption in CORRUPTIONS.items():
        plain = _of_severity(runs, tables, kind, 0)
        for severity in range(len(corruption.levels) + 1):
            images = _of_severity(runs, tables, kind, severity)
            found, change = metrics.evaluate_seeds(images, limits), metrics.difference(images, plain, (limits, limits))
            for metric in METRICS:
                row = {"corruption": kind, "severity": severity, "metric": metric, **found.loc[metric]}
                rows.append(row | statistics.columns("change", change.loc[metric]))
    return pd.DataFrame(rows)


def _of_severity(runs: Sequence[Record], tables: Sequence[pd.DataFrame], kind: str, severity: int) -> list[pd.DataFrame]:
    """Return the scores of the test images in one corruption, one frame per run, with patients and labels."""
    frames = []
    for run, table in zip(runs, tables, strict=True):
        part = table[(table.perturbation == kind) & (table.severity == severity)]
        frames.append(run.split("test").drop(columns="y_score").merge(part[["image_id", "y_score"]], on="image_id"))
    return frames
