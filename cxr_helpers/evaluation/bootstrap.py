"""Bootstrap over patients, vectorised: a resample is a row of image weights, a metric is a weighted metric.

Drawing patients with replacement and repeating their images is the same as weighting each image by how often its
patient was drawn; so all resamples are computed in one go, and tied scores are handled exactly.
"""

import functools

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from cxr_helpers.errors import CxrError

CLIP = 1e-7  # probabilities are kept this far from 0 and 1, so that one sure error has a finite cross-entropy
ECE_BINS = 15
PERCENTILES = (2.5, 97.5)
_CLOSE = 1e-12  # an interval of this width has none
_Z = norm.ppf(0.975)


def patient_weights(patient_id: np.ndarray, n_boot: int, seed: int) -> np.ndarray:
    """Draw patients with replacement and return how often each image was drawn: (n_boot, N) float64, whole numbers.

    `patient_id` (N,) is one key per image; images of one patient are always drawn together. Equal seeds give equal weights.
    """
    patients, codes = np.unique(np.asarray(patient_id, dtype=str), return_inverse=True)
    shares = np.full(len(patients), 1 / len(patients))
    drawn = np.random.default_rng(seed).multinomial(len(patients), shares, size=n_boot)
    return drawn[:, codes].astype(float)


@functools.lru_cache(maxsize=2)  # experiments are compared on the same images; of all images the weights take 94 MB
def usable_weights(patient_id: tuple, y_true: tuple, n_boot: int, seed: int) -> np.ndarray:
    """Return the weights (kept, N), read-only, of the resamples that hold both classes; where none does, a CxrError."""
    weights = patient_weights(np.array(patient_id), n_boot, seed)
    positive = weights @ np.array(y_true)
    usable = (positive > 0) & (positive < weights.sum(axis=1))
    if not usable.any():
        raise CxrError(f"None of {n_boot} resamples of patients holds both classes; raise n_boot or give more patients.")
    kept = weights[usable]
    kept.setflags(write=False)
    return kept


def mean_interval(values: np.ndarray, patient_id: np.ndarray, n_boot: int = 2000, seed: int = 0) -> pd.Series:
    """Return value, ci_low, ci_high: the mean of `values` (N,), one an image, with its 95 % percentile interval over patients."""
    weights = patient_weights(patient_id, n_boot, seed)
    low, high = np.percentile(weights @ values / weights.sum(axis=1), PERCENTILES)
    if high - low < _CLOSE:  # all values agree: shares have Wilson's limits, and of one patient nothing has any
        low, high = share_limits(float(np.mean(values)), len(np.unique(np.asarray(patient_id, dtype=str))))
    return pd.Series({"value": float(np.mean(values)), "ci_low": float(low), "ci_high": float(high)})


def cumulative_counts(y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return true and false positives as the threshold falls through the distinct scores.

    Of y_true (N,) in {0, 1}, y_score (N,) and weights (n_boot, N): (n_boot, 1 + number of distinct scores) each, starting
    at 0 (nothing is called positive). Images of equal score enter together.
    """
    order = np.argsort(-y_score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(y_score[order])), len(order) - 1)  # of the images of each distinct score
    entering, counts = weights[:, order], []
    for members in (y_true, 1 - y_true):
        found = np.zeros((len(weights), 1 + len(last)))
        found[:, 1:] = (entering * members[order]).cumsum(axis=1)[:, last]
        counts.append(found)
    return counts[0], counts[1]


def roc_auc(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of each row of cumulative counts, by trapezoids (ties count half)."""
    area = (np.diff(fp) * (tp[:, 1:] + tp[:, :-1]) / 2).sum(axis=1)
    return area / (tp[:, -1] * fp[:, -1])


def weighted_metrics(y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """Return every metric of every resample, each (n_boot,) float64; a resample must hold both classes.

    Of y_true (N,) in {0, 1}, y_score (N,) and the images' multiplicities `weights` (n_boot, N). A ratio with nothing in its
    denominator is 0, as in scikit-learn.
    """
    total, called = weights.sum(axis=1), y_score >= threshold
    tp, fn = weights @ (called & (y_true == 1)), weights @ (~called & (y_true == 1))
    fp, tn = weights @ (called & (y_true == 0)), weights @ (~called & (y_true == 0))
    recall, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    # Counts stand for the images' own class sizes, so that their spread is that of the rates, not of the prevalence.
    positives, negatives = y_true.sum(), (1 - y_true).sum()
    found = {
        "tp": recall * positives,
        "fp": (1 - specificity) * negatives,
        "tn": specificity * negatives,
        "fn": (1 - recall) * positives,
        "accuracy": (tp + tn) / total,
        "precision": ratio(tp, tp + fp),
        "recall": recall,
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "specificity": specificity,
        "balanced_accuracy": (recall + specificity) / 2,
    }
    likelihood = np.clip(np.where(y_true == 1, y_score, 1 - y_score), CLIP, 1 - CLIP)
    tp, fp = cumulative_counts(y_true, y_score, weights)
    return found | {
        "bce": weights @ -np.log(likelihood) / total,
        "roc_auc": roc_auc(tp, fp),
        "pr_auc": (np.diff(tp) * ratio(tp, tp + fp)[:, 1:]).sum(axis=1) / tp[:, -1],  # average precision: the area under steps
        "brier": weights @ (y_score - y_true) ** 2 / total,
        "ece": calibration_error(y_true, y_score, weights),
    }


def calibration_error(y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the expected calibration error of each row of `weights`, over equal-width bins of P(PNEUMONIA).

    Sum over the bins of |observed - predicted positives| per image (Naeini et al. 2015). A bin holds its
    lower edge; the last one also holds 1.
    """
    gaps = weights * (y_score - y_true)
    in_bin = score_bins(y_score)[:, None] == np.arange(ECE_BINS)
    return np.abs(gaps @ in_bin).sum(axis=1) / weights.sum(axis=1)


def score_bins(y_score: np.ndarray) -> np.ndarray:
    """Return the index (N,) of each score's equal-width bin, 0 to 14."""
    return np.minimum((y_score * ECE_BINS).astype(int), ECE_BINS - 1)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, and 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole != 0)


def with_limits(table: pd.DataFrame, scores: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return metrics (value, ci_low, ci_high) with other limits where those of the resamples coincide.

    A share that is 0 or 1 has Wilson's limits, with patients as the number tried: images of one patient are no independent
    trials. Balanced accuracy, F1 and the counts follow from these, ROC AUC has Newcombe's (2006, method 5), and what has no such
    limits has none (NaN). Of a class of one patient, nothing has limits.
    """
    table, y_true = table.copy(), scores.y_true.to_numpy()
    flat = (table.ci_high - table.ci_low).abs() < _CLOSE
    rows = {"recall": y_true == 1, "specificity": y_true == 0, "accuracy": y_true >= 0, "precision": scores.y_score >= threshold}
    patients = {name: scores.patient_id[chosen].nunique() for name, chosen in rows.items()}
    limits = {name: share_limits(table.value[name], number) for name, number in patients.items()}
    limits = {name: np.where(flat[name], found, table.loc[name, ["ci_low", "ci_high"]]) for name, found in limits.items()}
    recall, specificity, precision = (limits[name] for name in ("recall", "specificity", "precision"))
    limits["balanced_accuracy"] = (recall + specificity) / 2
    with np.errstate(invalid="ignore"):  # 0 / 0 where neither has a limit above 0
        limits["f1"] = 2 * precision * recall / (precision + recall)
    limits["roc_auc"] = area_limits(table.value["roc_auc"], patients["recall"], patients["specificity"])
    for name, share, number in (("tp", recall, y_true.sum()), ("tn", specificity, (1 - y_true).sum())):
        limits[name], limits["fn" if name == "tp" else "fp"] = share * number, number - share[::-1] * number
    for name in table.index[flat]:
        table.loc[name, ["ci_low", "ci_high"]] = limits.get(name, [np.nan, np.nan])
    of_class = {"recall": ["recall", "tp", "fn"], "specificity": ["specificity", "tn", "fp"]}
    kept = {name: limited for name, limited in of_class.items() if patients[name] >= 2}
    if len(kept) < 2:  # a class of one patient
        table.loc[~table.index.isin(sum(kept.values(), [])), ["ci_low", "ci_high"]] = np.nan
    return table


def share_limits(share: float, number: int) -> np.ndarray:
    """Return Wilson's 95 % limits of a share that is 0 or 1 of so many; NaN for any other share, and of fewer than two."""
    if number < 2 or min(share, 1 - share) > _CLOSE:
        return np.full(2, np.nan)
    return np.array(binomtest(round(share * number), number).proportion_ci(method="wilson"))


def area_limits(area: float, positives: int, negatives: int) -> np.ndarray:
    """Return the 95 % limits of an area under the ROC curve that is 0 or 1 (Newcombe 2006, method 5); NaN for any other."""
    if min(positives, negatives) < 2 or min(area, 1 - area) > _CLOSE:
        return np.full(2, np.nan)
    pairs, weight = positives * negatives, (positives + negatives) / 2 - 1

    def excess(theta: float) -> float:
        spread = theta * (1 - theta) * (1 + weight * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / pairs
        return (1 - theta) ** 2 - _Z**2 * spread

    lower = brentq(excess, 1e-9, 1 - 1e-9)
    return np.array([lower, 1.0] if area > 0.5 else [0.0, 1 - lower])
