"""Calibration: whether P(PNEUMONIA) = 0.8 means eight of ten, here and where pneumonia is rarer or more common.

Scores are data frames as `metrics` describes them.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap, metrics

TEMPERATURES = (0.05, 20.0)  # where validation images are distinguished without an error, no least temperature exists
TITLES = {
    "ece_width": f"ECE, {bootstrap.ECE_BINS} bins of equal width",
    "ece_count": f"ECE, {bootstrap.ECE_BINS} bins of equal count",
    "brier": "Brier score",
    "bce": "Cross-entropy",
}
Weigh = Callable[[np.ndarray, np.ndarray], np.ndarray]


def fit_temperature(val_scores: pd.DataFrame) -> float:
    """Return the temperature T > 0 whose scores sigmoid(logit / T) have the least cross-entropy (Guo et al. 2017).

    Args:
        val_scores: scores whose split is "val" throughout.

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


def measure(scores: pd.DataFrame, weigh: Weigh | None = None, n_boot: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return calibration error, Brier score and cross-entropy with their 95 % intervals over patients.

    Args:
        scores: the images of one split.
        weigh: turns the weights of images (K, N) and their labels (N,) into others, as for another prevalence; None takes
            the images as they are.
        n_boot: resamples of patients.
        seed: of the resampling.

    Returns:
        Index: the keys of `TITLES`; columns value, ci_low, ci_high. The bins of equal count are those of the images as
        they are; equal scores share a bin. An ECE cannot be negative, so resampling raises it: read it beside `perfect`.
    """
    scores = metrics.checked(scores)
    y_true, y_score = scores.y_true.to_numpy(), scores.y_score.to_numpy()
    drawn, _ = bootstrap.usable_weights(scores.patient_id.to_numpy(), y_true, n_boot, seed)
    weights = np.vstack([np.ones(len(y_true)), drawn])
    weights = weigh(weights, y_true) if weigh else weights
    weights = weights / weights.sum(axis=1, keepdims=True)
    found = {name: _error(weights * (y_score - y_true), bins) for name, bins in _bins(y_score).items()}
    found |= {"brier": weights @ (y_score - y_true) ** 2, "bce": weights @ cross_entropy(scores)}
    low, high = np.percentile([found[name][1:] for name in TITLES], bootstrap.PERCENTILES, axis=1)
    return pd.DataFrame({"value": [found[name][0] for name in TITLES], "ci_low": low, "ci_high": high}, index=list(TITLES))


def cross_entropy(scores: pd.DataFrame) -> np.ndarray:
    """Return the cross-entropy of each image, (N,): minus the logarithm of the probability that its true class was given."""
    likelihood = np.where(scores.y_true == 1, scores.y_score, 1 - scores.y_score)
    return -np.log(likelihood.clip(bootstrap.CLIP, 1 - bootstrap.CLIP))


def perfect(scores: pd.DataFrame, n_draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return what `measure` would find if the scores were perfectly calibrated: labels are drawn from the scores.

    Args:
        scores: the images of one split; their y_true is not used. Images are drawn independently of each other.
        n_draws: sets of labels.
        seed: of the draws.

    Returns:
        Index: the ECEs and the Brier score; columns value (the mean over draws), ci_low, ci_high (the middle 95 %).
    """
    y_score = metrics.checked(scores).y_score.to_numpy()
    gaps = y_score - (np.random.default_rng(seed).random((n_draws, len(y_score))) < y_score)
    found = {name: _error(gaps / len(y_score), bins) for name, bins in _bins(y_score).items()}
    found["brier"] = (gaps**2).mean(axis=1)
    low, high = np.percentile(list(found.values()), bootstrap.PERCENTILES, axis=1)
    return pd.DataFrame({"value": [draws.mean() for draws in found.values()], "ci_low": low, "ci_high": high}, index=list(found))


def _logits(y_score: np.ndarray) -> np.ndarray:
    return logit(y_score.clip(bootstrap.CLIP, 1 - bootstrap.CLIP))


def _bins(y_score: np.ndarray) -> dict[str, np.ndarray]:
    """Return each score's bin (N,) of equal width and of equal count; the latter are fewer where scores are tied."""
    inner = np.quantile(y_score, np.linspace(0, 1, bootstrap.ECE_BINS + 1)[1:-1])
    return {"ece_width": bootstrap.score_bins(y_score), "ece_count": np.searchsorted(inner, y_score, side="right")}


def _error(gaps: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Return the calibration error (K,) of weighted gaps between score and label (K, N), by bin (Naeini et al. 2015)."""
    return np.abs(gaps @ (bins[:, None] == np.unique(bins))).sum(axis=1)
