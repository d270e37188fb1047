"""How well two masks, or two series of measurements, agree."""

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import bootstrap

LIMITS = 1.96  # standard deviations to either side of the bias hold 95 % of normally distributed differences


def dice(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice coefficient 2·|A∩B| / (|A| + |B|) of two bool masks of equal shape; 1 where both are empty."""
    total = ours.sum() + truth.sum()
    return float(2 * (ours & truth).sum() / total) if total else 1.0


def iou(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the intersection over union of two bool masks of equal shape; 1 where both are empty."""
    union = (ours | truth).sum()
    return float((ours & truth).sum() / union) if union else 1.0


def mean_interval(values: np.ndarray, patient_id: np.ndarray, n_boot: int = 2000, seed: int = 0) -> pd.Series:
    """Return value, ci_low, ci_high: the mean over images with its 95 % percentile interval from a bootstrap over patients.

    Args:
        values: (N,) one figure an image.
        patient_id: (N,) images of one patient are drawn together.
        n_boot: resamples of patients.
        seed: of the resampling.
    """
    weights = bootstrap.patient_weights(patient_id, n_boot, seed)
    low, high = np.percentile(weights @ values / weights.sum(axis=1), (2.5, 97.5))
    return pd.Series({"value": float(np.mean(values)), "ci_low": float(low), "ci_high": float(high)})


def bland_altman(ours: np.ndarray, truth: np.ndarray) -> pd.Series:
    """Return what Bland and Altman (1986) ask of two ways to measure the same (N,) images, at least two of them.

    Returns:
        images; error (mean absolute difference); bias (mean of ours - truth); low, high (the 95 % limits of agreement);
        bias_margin, limit_margin (half the width of the 95 % intervals of bias and limits, by their normal approximation).
    """
    gaps = np.asarray(ours, float) - np.asarray(truth, float)
    bias, deviation, margin = gaps.mean(), gaps.std(ddof=1), LIMITS / np.sqrt(len(gaps))
    return pd.Series(
        {
            "images": len(gaps),
            "error": np.abs(gaps).mean(),
            "bias": bias,
            "low": bias - LIMITS * deviation,
            "high": bias + LIMITS * deviation,
            "bias_margin": margin * deviation,
            "limit_margin": margin * deviation * np.sqrt(3),
        }
    )
