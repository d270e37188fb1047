"""The operating point: the threshold at which a score becomes a decision, chosen on validation only."""

import re

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics

_TARGET = re.compile(r"(sensitivity>=|cost=)(\d*\.?\d+)")


def choose(val_scores: pd.DataFrame, rule: str = "youden") -> float:
    """Return the threshold t (PNEUMONIA iff y_score >= t) that a rule picks among the observed scores.

    Args:
        val_scores: scores whose split is "val" throughout.
        rule: "youden" (largest sensitivity + specificity - 1; Youden 1950), "sensitivity>=X" (highest threshold
            that reaches sensitivity X, 0 < X <= 1), or "cost=C" (least C x missed + false alarms: one missed pneumonia
            weighs as much as C false alarms, C > 0). Of equally good thresholds the highest is taken.

    Raises:
        CxrError: a score is not of the validation split, or the rule is unknown.
    """
    if not (val_scores["split"] == "val").all():
        raise CxrError('An operating point is chosen on validation only; pass scores whose split is "val" throughout.')
    scores = metrics.checked(val_scores)
    false_alarm, sensitivity, thresholds = roc_curve(scores.y_true, scores.y_score, drop_intermediate=False)
    gain = _gain(rule, sensitivity, false_alarm, scores.y_true.to_numpy())
    # The curve starts at an infinite threshold, which would call no image PNEUMONIA.
    return float(thresholds[1:][np.argmax(gain[1:])])


def _gain(rule: str, sensitivity: np.ndarray, false_alarm: np.ndarray, y_true: np.ndarray) -> np.ndarray:
    """Return what the rule maximises, one value per threshold."""
    if rule == "youden":
        return sensitivity - false_alarm
    match = _TARGET.fullmatch(rule)
    target = float(match[2]) if match else 0
    if match and match[1] == "sensitivity>=" and 0 < target <= 1:
        return (sensitivity >= target).astype(float)
    if match and match[1] == "cost=" and target > 0:
        return -(target * (1 - sensitivity) * y_true.sum() + false_alarm * (1 - y_true).sum())
    raise CxrError(
        f"Operating-point rule {rule!r} is unknown; write youden, sensitivity>=0.95 or cost=5 (numbers of your own)."
    )
