"""Limits where a bootstrap has none: a metric that is 0 or 1 in every resample, and classes of one patient."""

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

_CLOSE = 1e-12  # an interval of this width has none
_Z = norm.ppf(0.975)


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
    alone = [name for name in ("recall", "specificity") if patients[name] < 2]
    without = {"recall": ["recall", "tp", "fn"], "specificity": ["specificity", "tn", "fp"]}
    kept = [] if len(alone) == 2 or not alone else without[({"recall", "specificity"} - set(alone)).pop()]
    if alone:
        table.loc[~table.index.isin(kept), ["ci_low", "ci_high"]] = np.nan
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
