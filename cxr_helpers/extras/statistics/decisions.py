"""What a threshold does to images and patients: rates, predictive values, and net benefit."""

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from cxr_helpers.evaluation import bootstrap, metrics

TITLES = {"sensitivity": "Sensitivity", "specificity": "Specificity", "ppv": "PPV", "npv": "NPV"}
GRID = np.linspace(0.01, 0.99, 99)  # threshold probabilities of a decision curve


def prior_corrected(scores: pd.DataFrame, source: float, target: float) -> pd.DataFrame:
    """Return the scores as they should be where a share `target` of images shows PNEUMONIA (Saerens et al. 2002).

    Args:
        scores: P(PNEUMONIA), calibrated for images of which a share `source` shows PNEUMONIA.
        source, target: in (0, 1).
    """
    certain = scores.y_score.to_numpy(float).clip(bootstrap.CLIP, 1 - bootstrap.CLIP)
    return scores.assign(y_score=expit(logit(certain) + logit(target) - logit(source)))


def reweighted(weights: np.ndarray, y_true: np.ndarray, prevalence: float) -> np.ndarray:
    """Return the weights (K, N), scaled by class: each row adds up to 1, its images of PNEUMONIA to `prevalence`.

    Args:
        weights: (K, N), non-negative; every row holds both classes.
        y_true: (N,) in {0, 1}.
        prevalence: in (0, 1).
    """
    parts = [(weights * y_true, prevalence), (weights * (1 - y_true), 1 - prevalence)]
    return sum(share * part / part.sum(axis=1, keepdims=True) for part, share in parts)


def rates(
    scores: pd.DataFrame, threshold: float, prevalence: float | None = None, n_boot: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Return sensitivity, specificity and both predictive values of PNEUMONIA iff y_score >= threshold.

    Args:
        scores: the images of one split.
        threshold: chosen elsewhere, on validation.
        prevalence: of PNEUMONIA, where the predictive values are wanted; None takes that of the images.
        n_boot: resamples of patients.
        seed: of the resampling.

    Returns:
        Index: the keys of `TITLES`; columns value, ci_low, ci_high (95 %, over patients). Where no image is called, a
        predictive value is 0, as in `metrics`.
    """
    scores, weights = _weighted(scores, prevalence, n_boot, seed)
    positive = scores.y_true.to_numpy() == 1
    called = scores.y_score.to_numpy() >= threshold
    tp, fn = weights @ (called & positive), weights @ (~called & positive)
    fp, tn = weights @ (called & ~positive), weights @ (~called & ~positive)
    pairs = {"sensitivity": (tp, tp + fn), "specificity": (tn, tn + fp), "ppv": (tp, tp + fp), "npv": (tn, tn + fn)}
    found = np.array([bootstrap.ratio(*pair) for pair in pairs.values()])
    low, high = np.percentile(found[:, 1:], bootstrap.PERCENTILES, axis=1)
    return pd.DataFrame({"value": found[:, 0], "ci_low": low, "ci_high": high}, index=list(pairs))


def net_benefit(scores: pd.DataFrame, prevalence: float | None = None, n_boot: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return the decision curve of a model beside treating all and treating none (Vickers and Elkin 2006).

    At a threshold probability t a false alarm costs t / (1 - t) of what a pneumonia found is worth; the net benefit is
    true positives minus false positives at that price, both per image. Treating none has a net benefit of 0.

    Args:
        scores: the images of one split; y_score must be calibrated for `prevalence`.
        prevalence: images are weighted to this share of PNEUMONIA; None takes them as they are.
        n_boot: resamples of patients.
        seed: of the resampling.

    Returns:
        One row per threshold of `GRID`: threshold, model, ci_low, ci_high (pointwise 95 % band), treat_all.
    """
    scores, weights = _weighted(scores, prevalence, n_boot, seed)
    y_true, price = scores.y_true.to_numpy(), GRID / (1 - GRID)
    called = scores.y_score.to_numpy()[:, None] >= GRID
    worth = np.where(y_true[:, None] == 1, 1.0, -price)  # of calling an image PNEUMONIA, at every threshold
    curves = weights @ (called * worth)
    low, high = np.percentile(curves[1:], bootstrap.PERCENTILES, axis=0)
    columns = {"threshold": GRID, "model": curves[0], "ci_low": low, "ci_high": high, "treat_all": weights[0] @ worth}
    return pd.DataFrame(columns)


def _weighted(scores: pd.DataFrame, prevalence: float | None, n_boot: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the checked scores and weights (1 + resamples, N): first the images as they are; each row adds up to 1."""
    scores = metrics.checked(scores)
    y_true = scores.y_true.to_numpy()
    drawn, _ = bootstrap.usable_weights(scores.patient_id.to_numpy(), y_true, n_boot, seed)
    weights = np.vstack([np.ones(len(y_true)), drawn])
    if prevalence is not None:
        return scores, reweighted(weights, y_true, prevalence)
    return scores, weights / weights.sum(axis=1, keepdims=True)
