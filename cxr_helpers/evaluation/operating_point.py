"""The operating point: the threshold at which a score becomes a decision, chosen on validation only."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics


def choose(val_scores: pd.DataFrame) -> float:
    """Return the threshold t (PNEUMONIA iff y_score >= t) of the largest sensitivity + specificity - 1 (Youden 1950).

    Of equally good thresholds the highest is taken. A score that is not of the validation split is a CxrError.
    """
    false_alarm, sensitivity, thresholds = curve(val_scores)
    return float(thresholds[np.argmax(sensitivity - false_alarm)])


def curve(val_scores: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return false-positive rate, sensitivity and threshold at each observed score, the highest first; errors as `choose`."""
    if not (val_scores["split"] == "val").all():
        raise CxrError('An operating point is chosen on validation only; pass scores whose split is "val" throughout.')
    scores = metrics.checked(val_scores)
    # The curve starts at an infinite threshold, which would call no image PNEUMONIA.
    return tuple(values[1:] for values in roc_curve(scores.y_true, scores.y_score, drop_intermediate=False))
