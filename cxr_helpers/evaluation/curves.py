"""Curves of stored scores, with the bands that a bootstrap over patients gives them."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from cxr_helpers.evaluation import bootstrap, metrics

GRID = np.linspace(0, 1, 201)  # of the false-positive rate or of the sensitivity, where curves are averaged


def roc_band(runs: Sequence[pd.DataFrame], n_boot: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return x (false-positive rate, 0 to 1), y (sensitivity), ci_low, ci_high: a curve with its pointwise 95 % band.

    Runs (seeds on the same images) are averaged at equal false-positive rate (vertical averaging).
    """
    band = _band(runs, lambda tp, fp: np.interp(GRID, fp / fp[-1], tp / tp[-1]), n_boot, seed)
    return pd.concat([pd.DataFrame(0.0, index=[0], columns=band.columns), band], ignore_index=True)  # from the origin


def pr_band(runs: Sequence[pd.DataFrame], n_boot: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return x (sensitivity), y (precision of the highest threshold that reaches it), ci_low, ci_high; else as `roc_band`."""
    return _band(runs, _precision, n_boot, seed)


def reliability(scores: pd.DataFrame) -> pd.DataFrame:
    """Return predicted (mean y_score) against observed share of PNEUMONIA in each bin of the ECE with images.

    ci_low, ci_high: 95 % Wilson interval of `observed`, images taken as independent; n: images.
    """
    scores = metrics.checked(scores)
    bins = scores.groupby(bootstrap.score_bins(scores.y_score.to_numpy()))
    table = bins.agg(predicted=("y_score", "mean"), observed=("y_true", "mean"), positive=("y_true", "sum"), n=("y_true", "size"))
    low, high = proportion_confint(table.positive, table.n, method="wilson")
    # Where no or every image of a bin is positive, the bound equals the share but for rounding.
    table["ci_low"], table["ci_high"] = np.minimum(low, table.observed), np.maximum(high, table.observed)
    return table.drop(columns="positive")


def _band(runs: Sequence[pd.DataFrame], curve: Callable, n_boot: int, seed: int) -> pd.DataFrame:
    """Average `curve` over runs on `GRID`, for the images as they are and for every resample of patients."""
    frames = metrics.aligned(runs)
    y_true = frames[0].y_true.to_numpy()
    weights = bootstrap.usable_weights(tuple(frames[0].patient_id), tuple(y_true), n_boot, seed)
    weights = np.vstack([np.ones(len(y_true)), weights])
    counts = [bootstrap.cumulative_counts(y_true, frame.y_score.to_numpy(), weights) for frame in frames]
    lines = np.mean([[curve(*pair) for pair in zip(*each, strict=True)] for each in counts], axis=0)
    low, high = np.percentile(lines[1:], bootstrap.PERCENTILES, axis=0)
    return pd.DataFrame({"x": GRID, "y": lines[0], "ci_low": low, "ci_high": high})


def _precision(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    # The first count is the empty call, which has no precision; 1e-9 keeps rounding from skipping a threshold.
    reached = np.searchsorted(tp[1:], np.maximum(GRID, 1e-6) * tp[-1] - 1e-9) + 1
    return tp[reached] / (tp[reached] + fp[reached])
