"""Doubtful labels by confident learning (Northcutt et al. 2021), from scores of models that never saw the image."""

import numpy as np
import pandas as pd


def doubted(scores: pd.DataFrame) -> np.ndarray:
    """Return (N,) bool: images that are, on average over their class, as surely of the other class as that class' own images.

    `scores` are out of fold, as `metrics` takes them. A doubt is no finding: a model errs, too.
    """
    ill = scores.y_true.to_numpy() == 1
    p = scores.y_score.to_numpy(float)
    sure_ill, sure_well = p[ill].mean(), (1 - p[~ill]).mean()
    return np.where(ill, (1 - p >= sure_well) & (p < 0.5), (p >= sure_ill) & (p >= 0.5))
