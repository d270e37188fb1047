"""Temperature scaling of stored scores (Guo et al. 2017)."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics

TEMPERATURES = (0.05, 20.0)  # where validation images are distinguished without an error, no least temperature exists


def fit(val_scores: pd.DataFrame) -> float:
    """Return the temperature T > 0 whose scores sigmoid(logit / T) have the least cross-entropy.

    Raises:
        CxrError: a score is not of the validation split.
    """
    if not (val_scores["split"] == "val").all():
        raise CxrError('A temperature is fitted on validation only; pass scores whose split is "val" throughout.')
    scores = metrics.checked(val_scores)
    y_true, logits = scores.y_true.to_numpy(), metrics.logits(scores.y_score.to_numpy(float))

    def _cross_entropy(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - y_true * scaled))

    return float(np.exp(minimize_scalar(_cross_entropy, bounds=np.log(TEMPERATURES), method="bounded").x))


def tempered(scores: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """Return the scores with y_score = sigmoid(logit / temperature); their order, and so the AUC, stays."""
    return scores.assign(y_score=metrics.at_temperature(scores.y_score.to_numpy(float), temperature))
