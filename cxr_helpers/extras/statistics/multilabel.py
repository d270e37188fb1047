"""Metrics of multi-label scores: the AUC of every label and their mean, with 95 % intervals from a bootstrap over patients.

Scores are long data frames: image_id, patient_id, split, label, y_true (1 = the finding is named) and y_score (its
probability in [0, 1]); one row per image and label.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from cxr_helpers.evaluation import bootstrap, metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import selection

MEAN = "mean"
_BLOCK = 2_000_000  # weights held in memory at a time


def long(table: pd.DataFrame, labels: Sequence[str], y_score: np.ndarray) -> pd.DataFrame:
    """Return scores as this module takes them.

    Args:
        table: (N rows) image_id, patient_id, split, and a 0/1 column per label.
        labels: the columns, in the order of the network's units.
        y_score: (N, labels) in [0, 1].
    """
    long = table.melt(["image_id", "patient_id", "split"], list(labels), var_name="label", value_name="y_true")
    return long.assign(y_score=y_score.T.ravel())


def evaluate(runs: Sequence[pd.DataFrame], n_boot: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return the AUC of every label and their mean, each the mean over runs on the same images.

    A label that all images of the split have, or none, has no AUC: its row says so by its counts and holds NaN, and the
    mean leaves it out. A resample in which a label has one class only is left out for that label alone.

    Args:
        runs: scores of one split, one frame per run.
        n_boot: resamples of patients, the same for every label and run.
        seed: of the resampling.

    Returns:
        Index: the labels in their order, then "mean"; columns positives, images (of the mean: labels given, and labels
        asked for), value, ci_low, ci_high.

    Raises:
        CxrError: no run, runs on different images or labels, scores outside [0, 1], or one class only.
    """
    metrics.aligned([run.assign(image_id=run.image_id + ", " + run.label) for run in runs])
    labels = list(runs[0].label.unique())
    y_true, y_scores = _matrix(runs[0], "y_true")[labels], [_matrix(run, "y_score") for run in runs]
    usable = [label for label in labels if 0 < y_true[label].sum() < len(y_true)]
    counts = pd.DataFrame({"positives": y_true.sum(), "images": len(y_true)})
    counts.loc[MEAN] = y_true.to_numpy().sum(), y_true.size
    points = pd.DataFrame([{label: roc_auc_score(y_true[label], each[label]) for label in usable} for each in y_scores]).mean()
    patients = runs[0].drop_duplicates("image_id").set_index("image_id").patient_id[y_true.index]
    samples = _samples(y_true[usable], y_scores, patients.to_numpy(str), n_boot, seed)
    points[MEAN], samples[MEAN] = points.mean(), samples.mean(axis=1)
    low, high = np.nanpercentile(samples[points.index], bootstrap.PERCENTILES, axis=0)
    intervals = pd.DataFrame({"value": points, "ci_low": low, "ci_high": high})
    return counts.join(intervals).rename_axis("label")


def figures(runs: Sequence[Record], split: str) -> pd.DataFrame | None:
    """Return the AUCs of runs (seeds, folds) with many labels by the names that texts report; None for runs of another kind.

    "mean AUC", "AUC Mass" and so on; columns as `evaluate`. `attrs["images"]` counts the images.
    """
    if "scores" not in runs[0].names or "label" not in runs[0].scores:
        return None
    scores = selection.pooled(runs, split)
    table = evaluate(scores).rename(index=figure_name)
    table.attrs["images"] = scores[0].image_id.nunique()
    return table


def figure_name(label: str) -> str:
    """Return under which name the AUC of a label, or the mean, is reported: "AUC Mass", "mean AUC"."""
    return "mean AUC" if label == MEAN else f"AUC {label}"


def _matrix(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return one column of long scores as (images, labels)."""
    return frame.pivot(index="image_id", columns="label", values=column)


def _samples(
    y_true: pd.DataFrame, y_scores: Sequence[pd.DataFrame], patients: np.ndarray, n_boot: int, seed: int
) -> pd.DataFrame:
    """Return the AUC of each label of `y_true` in each resample, averaged over runs, NaN where it has one class only.

    The weights are spread from patients to images block by block: all at once they would fill the memory of a set as
    large as ChestX-ray14.
    """
    keys, codes = np.unique(patients, return_inverse=True)
    drawn, parts = bootstrap.patient_weights(keys, n_boot, seed), []
    for block in np.array_split(drawn, max(1, len(drawn) * len(codes) // _BLOCK)):
        weights = block[:, codes]
        found = {name: [_auc(truth, each[name], weights) for each in y_scores] for name, truth in y_true.items()}
        parts.append(pd.DataFrame({name: np.mean(areas, axis=0) for name, areas in found.items()}))
    return pd.concat(parts, ignore_index=True)


def _auc(y_true: pd.Series, y_score: pd.Series, weights: np.ndarray) -> np.ndarray:
    """Return the AUC in each resample (n_boot, N), NaN in one of one class."""
    with np.errstate(invalid="ignore"):
        return bootstrap.roc_auc(*bootstrap.cumulative_counts(y_true.to_numpy(), y_score.to_numpy(), weights))
