"""Scores put right for another share of PNEUMONIA: what would do if nothing but the prevalence had changed."""

import numpy as np
from scipy.special import expit, logit

from cxr_helpers.evaluation import metrics

_STEPS, _CLOSE = 10_000, 1e-9


def reweighed(y_score: np.ndarray, prior: float, new: float) -> np.ndarray:
    """Return the scores (N,) of a model that holds at the prevalence `prior`, as they would be at the prevalence `new`."""
    return expit(metrics.logits(y_score) + logit(new) - logit(prior))


def by_em(y_score: np.ndarray, prior: float) -> float:
    """Return the prevalence under which unlabelled scores (N,) are likeliest, by expectation maximisation (Saerens et al. 2002).

    `prior`: the prevalence at which the scores hold.
    """
    found = prior
    for _ in range(_STEPS):
        last, found = found, float(reweighed(y_score, prior, found).mean().clip(1e-6, 1 - 1e-6))
        if abs(found - last) < _CLOSE:
            break
    return found


def by_confusion(called: np.ndarray, sensitivity: float, specificity: float) -> float:
    """Return the prevalence that explains how many unlabelled images are called PNEUMONIA (BBSE, Lipton et al. 2018).

    Of `called` (N,) bool, and both rates where labels are known; held within [0, 1].
    """
    told = max(sensitivity + specificity - 1, 1e-6)  # 0: by chance
    return float(np.clip((called.mean() - (1 - specificity)) / told, 1e-6, 1 - 1e-6))
