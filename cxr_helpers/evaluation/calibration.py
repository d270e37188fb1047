"""Calibration: whether P(PNEUMONIA) = 0.8 means eight of ten. Scores are data frames as `metrics` describes them."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap, metrics

TEMPERATURES = (0.05, 20.0)  # where validation images are distinguished without an error, no least temperature exists
MEASURES = ("ece", "brier", "bce")  # those of `metrics` that judge a probability and not an order


def fit_temperature(val_scores: pd.DataFrame) -> float:
    """Return the temperature T > 0 whose scores sigmoid(logit / T) have the least cross-entropy (Guo et al. 2017).

    Raises:
        CxrError: a score is not of the validation split.
    """
    if not (val_scores["split"] == "val").all():
        raise CxrError('A temperature is fitted on validation only; pass scores whose split is "val" throughout.')
    scores = metrics.checked(val_scores)
    y_true, logits = scores.y_true.to_numpy(), _logits(scores.y_score.to_numpy(float))

    def _cross_entropy(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - y_true * scaled))

    return float(np.exp(minimize_scalar(_cross_entropy, bounds=np.log(TEMPERATURES), method="bounded").x))


def tempered(scores: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """Return the scores with y_score = sigmoid(logit / temperature); their order, and so the AUC, stays."""
    return scores.assign(y_score=at_temperature(scores.y_score.to_numpy(float), temperature))


def at_temperature(y_score: np.ndarray, temperature: float) -> np.ndarray:
    """Return sigmoid(logit / temperature) of probabilities (N,)."""
    return expit(_logits(y_score) / temperature)


def cross_entropy(scores: pd.DataFrame) -> np.ndarray:
    """Return the cross-entropy of each image, (N,): minus the logarithm of the probability that its true class was given."""
    likelihood = np.where(scores.y_true == 1, scores.y_score, 1 - scores.y_score)
    return -np.log(likelihood.clip(bootstrap.CLIP, 1 - bootstrap.CLIP))


def perfect(scores: pd.DataFrame, n_draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return what `metrics.evaluate` would find if the scores were perfectly calibrated: labels are drawn from the scores.

    Index: "ece" and "brier"; columns value (the mean over draws), ci_low, ci_high (the middle 95 %). The y_true of the
    scores is not used; images are drawn independently of each other.
    """
    y_score = metrics.checked(scores).y_score.to_numpy()
    y_true = np.random.default_rng(seed).random((n_draws, len(y_score))) < y_score
    once = np.ones((n_draws, len(y_score)))
    found = {"ece": bootstrap.calibration_error(y_true, y_score, once), "brier": ((y_score - y_true) ** 2).mean(axis=1)}
    low, high = np.percentile(list(found.values()), bootstrap.PERCENTILES, axis=1)
    return pd.DataFrame({"value": [draws.mean() for draws in found.values()], "ci_low": low, "ci_high": high}, index=list(found))


def _logits(y_score: np.ndarray) -> np.ndarray:
    return logit(y_score.clip(bootstrap.CLIP, 1 - bootstrap.CLIP))
