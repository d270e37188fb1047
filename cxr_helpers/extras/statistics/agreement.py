"""How well two masks, or two series of measurements, agree."""

import numpy as np
import pandas as pd

LIMITS = 1.96  # standard deviations to either side of the bias hold 95 % of normally distributed differences


def dice(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice coefficient 2·|A∩B| / (|A| + |B|) of two bool masks of equal shape; 1 where both are empty."""
    total = ours.sum() + truth.sum()
    return float(2 * (ours & truth).sum() / total) if total else 1.0


def iou(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the intersection over union of two bool masks of equal shape; 1 where both are empty."""
    union = (ours | truth).sum()
    return float((ours & truth).sum() / union) if union else 1.0


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
