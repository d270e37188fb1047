"""Two experiments on the same images: whether they differ in AUC or in accuracy by more than chance.

Images of one patient resemble each other, so patients, not images, are taken as independent. Where one has several
seeds, their mean is compared: the mean of the placement values for the AUC, the share of seeds that are right about a
image for the accuracy. The seeds are taken as given; what is tested is whether other patients could turn the difference.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics

SIGNIFICANT = 0.05  # after correction for the number of tests


def auc_difference(ours: Sequence[pd.DataFrame], theirs: Sequence[pd.DataFrame]) -> pd.Series:
    """Return the difference in AUC (ours minus theirs) on the same images with its 95 % interval and two-sided p.

    The test of DeLong et al. (1988), with placement values from midranks (Sun and Xu 2014) and the variance for images
    clustered in patients (Obuchowski 1997); with one image a patient it is DeLong's own.

    Args:
        ours, theirs: scores of one split as `metrics` describes them, one frame per seed.

    Returns:
        value, ci_low, ci_high, p_value.

    Raises:
        CxrError: the images differ, or a class has fewer than two patients.
    """
    frames = metrics.aligned([*ours, *theirs])
    gaps = _mean_placements(frames[: len(ours)]) - _mean_placements(frames[len(ours) :])
    y_true, patient_id = frames[0].y_true.to_numpy(), frames[0].patient_id.to_numpy()
    value, error = gaps[y_true == 1].mean(), np.sqrt(_clustered_variance(gaps, y_true, patient_id))
    margin = stats.norm.ppf(0.975) * error
    p_value = 2 * stats.norm.sf(abs(value) / error) if error > 0 else float(value == 0)
    return pd.Series({"value": value, "ci_low": value - margin, "ci_high": value + margin, "p_value": p_value})


def clustered_mcnemar(ours: np.ndarray, theirs: np.ndarray, patient_id: np.ndarray) -> float:
    """Return the two-sided p of McNemar's test for images clustered in patients (Obuchowski 1998).

    Every image counts once, as in the difference in accuracy that it tests; with one image a patient it is McNemar's test
    without correction for continuity, but for the factor (K - 1) / K of K patients.

    Args:
        ours, theirs: (N,) in [0, 1], the share of the seeds that are right about an image (see `share_right`).
        patient_id: (N,) one key per image.
    """
    gaps = pd.Series(ours - theirs).groupby(np.asarray(patient_id)).sum()
    spread = (gaps**2).sum() * len(gaps) / (len(gaps) - 1) if len(gaps) > 1 else 0.0
    return float(stats.chi2.sf(gaps.sum() ** 2 / spread, df=1)) if spread > 0 else 1.0


def share_right(runs: Sequence[pd.DataFrame], thresholds: Sequence[float]) -> np.ndarray:
    """Return the share (N,) of runs that are right about each image, images sorted by image_id; one threshold per run."""
    frames = metrics.aligned(runs)
    right = [(frame.y_score >= limit) == frame.y_true for frame, limit in zip(frames, thresholds, strict=True)]
    return np.mean(right, axis=0)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return the p values (N,) of one family of tests, corrected for their number by Holm's method (1979)."""
    return multipletests(p_values, method="holm")[1]


def _mean_placements(frames: Sequence[pd.DataFrame]) -> np.ndarray:
    return np.mean([_placements(frame.y_true.to_numpy(), frame.y_score.to_numpy()) for frame in frames], axis=0)


def _placements(y_true: np.ndarray, y_score: np.ndarray) -> np.ndarray:
    """Return the share of the other class's images that each image (N,) is in order with; a tie counts half.

    Their mean over the images of either class is the AUC.
    """
    among_all, among_own = stats.rankdata(y_score), np.empty(len(y_score))
    for label in (0, 1):
        among_own[y_true == label] = stats.rankdata(y_score[y_true == label])
    others = np.where(y_true == 1, (y_true == 0).sum(), (y_true == 1).sum())
    below = (among_all - among_own) / others
    return np.where(y_true == 1, below, 1 - below)


def _clustered_variance(values: np.ndarray, y_true: np.ndarray, patient_id: np.ndarray) -> float:
    """Return the variance of the mean placement value, images clustered in patients (Obuchowski 1997)."""
    centred = np.where(y_true == 1, values - values[y_true == 1].mean(), values - values[y_true == 0].mean())
    images = pd.DataFrame({"patient": patient_id, "label": y_true, "sum": centred})
    sums = images.groupby(["patient", "label"])["sum"].sum().unstack("label")  # NaN: the patient has no image of this class
    patients, counts = sums.notna().sum(), np.bincount(y_true, minlength=2)
    if patients.min() < 2:
        raise CxrError("A difference in AUC needs two patients of either class at least; give more images.")
    own = sum(patients[k] / (patients[k] - 1) * (sums[k] ** 2).sum() / counts[k] ** 2 for k in (0, 1))
    cross = len(sums) / (len(sums) - 1) * (sums[0] * sums[1]).sum() / (counts[0] * counts[1])
    return max(float(own + 2 * cross), 0.0)
