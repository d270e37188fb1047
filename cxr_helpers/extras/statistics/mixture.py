"""Scores of unlabelled images put right by their own shape: two Gaussians of one variance, fitted to their log-odds.

Where normal images and pneumonias of a new place keep apart but have both moved, the images themselves say by how much, without
a label. Rule and refusal were fixed on corrupted validation images alone, before a test image was read (chapter "What kind of
shift it is"); what is adapted is always shown beside the scores as they are, and never in their place.
"""

import dataclasses

import numpy as np
from scipy.special import logit
from sklearn.mixture import GaussianMixture

from cxr_helpers.evaluation import metrics

FEWEST = 50  # images; of fewer the two means are guesses
SEPARATION = 3.5  # standard deviations between the means; images of one class are split in two with less
SUREST = 6.0  # log-odds past which an image is only sure: as far as they reach, a few would set the variance


@dataclasses.dataclass(frozen=True)
class Adapted:
    """Adapted scores `y_score` (N,) in [0, 1], PNEUMONIA from 0.5 on, or why there are none (`refused`, else "").

    `low`, `high`, `spread`, `share`: means and standard deviation of the log-odds of both classes, share of the upper one.
    """

    y_score: np.ndarray
    refused: str
    low: float = np.nan
    high: float = np.nan
    spread: float = np.nan
    share: float = np.nan


def adapt(y_score: np.ndarray, threshold: float, surest: float = SUREST) -> Adapted:
    """Return P(upper class) of scores (N,) in a mixture of two Gaussians of one variance (expectation maximisation).

    `threshold`: the operating point of the scores as they are, which must lie between the means. `surest`: see `SUREST`.
    """
    if len(y_score) < FEWEST:
        return Adapted(y_score, f"{len(y_score)} images are fewer than {FEWEST}")
    found = metrics.logits(np.asarray(y_score, float)).clip(-surest, surest)[:, None]
    start = np.percentile(found, (10, 90))[:, None]
    if start[0] == start[1]:
        return Adapted(y_score, "the scores have one value")
    mixture = GaussianMixture(2, covariance_type="tied", weights_init=(0.5, 0.5), means_init=start, tol=1e-12, max_iter=9999)
    mixture.fit(found)
    (low, high), spread = mixture.means_.ravel(), float(np.sqrt(mixture.covariances_.item()))
    what = Adapted(mixture.predict_proba(found)[:, 1], "", low, high, spread, mixture.weights_[1])
    if (high - low) / spread < SEPARATION:
        why = f"the two groups lie {(high - low) / spread:.1f} standard deviations apart, fewer than {SEPARATION:g}"
        return dataclasses.replace(what, y_score=y_score, refused=why)
    if not low < logit(threshold) < high:
        return dataclasses.replace(what, y_score=y_score, refused="the two groups lie on one side of the operating point")
    return what
