"""Calibration: whether P(PNEUMONIA) = 0.8 means eight of ten. Scores are data frames as `metrics` describes them."""

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from cxr_helpers.evaluation import bootstrap, metrics


def at_temperature(y_score: np.ndarray, temperature: float) -> np.ndarray:
    """Return sigmoid(logit / temperature) of probabilities (N,)."""
    return expit(logits(y_score) / temperature)


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


def logits(y_score: np.ndarray) -> np.ndarray:
    """Return the log-odds of probabilities (N,), kept finite."""
    return logit(y_score.clip(bootstrap.CLIP, 1 - bootstrap.CLIP))
