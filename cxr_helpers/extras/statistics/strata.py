"""Strata: how well a model ranks images that are alike in something that should not matter, such as their published size."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap, metrics

QUINTILES = (0.2, 0.4, 0.6, 0.8)
FEWEST = 5  # images of either class, below which a stratum's figure has no interval: resamples cannot know what is missing
ALL, WITHIN, DIFFERENCE = "all pairs", "pairs of one stratum", "difference"


def limits(widths: np.ndarray) -> np.ndarray:
    """Return the inner limits (4,) of five strata that hold equally many of these images; NaN widths are a CxrError."""
    if not np.isfinite(widths).all():
        raise CxrError("Some images have no published width; set CXR_GEOMETRY to the table of published sizes.")
    return np.quantile(widths, QUINTILES)


def assign(widths: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return each image's stratum (N,) as text, "1: below 900" to "5: from 1,600"; a limit belongs to the stratum above."""
    named = [f"{limit:,.0f}" for limit in inner]
    middle = [f"{number}: {low} to {high}" for number, (low, high) in enumerate(zip(named, named[1:], strict=False), 2)]
    names = [f"1: below {named[0]}", *middle, f"{len(inner) + 1}: from {named[-1]}"]
    return np.array(names)[np.searchsorted(inner, widths, side="right")]


def auc(runs: Sequence[pd.DataFrame], strata: pd.Series, n_boot: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return the AUC within each stratum, over all pairs of one stratum, and over all pairs of images.

    The pooled figure is the chance that of two images of one stratum, one of either class, that of PNEUMONIA has the
    higher score; a stratum counts by its number of pairs. What tells the strata apart cannot help there.

    Args:
        runs: scores of one split, one frame per seed; figures are means over the runs.
        strata: stratum by image_id.

    Returns:
        Index: the strata in order, `WITHIN`, `ALL` and `DIFFERENCE` (of the two); columns value, ci_low, ci_high (95 %,
        over patients), normal and pneumonia (images). A stratum of one class has no value, one with fewer than `FEWEST`
        images of a class no interval (NaN).
    """
    frames = metrics.aligned(runs)
    images = frames[0]
    groups, y_true = strata.loc[images.image_id].to_numpy(), images.y_true.to_numpy()
    drawn = bootstrap.usable_weights(tuple(images.patient_id), tuple(y_true), n_boot, seed)
    weights, names = np.vstack([np.ones(len(images)), drawn]), sorted(set(groups))
    by_run = []
    for frame in frames:
        y_score = frame.y_score.to_numpy()
        parts = np.array([_pairs(y_true, y_score, weights, groups == name) for name in names])
        whole = _share(*_pairs(y_true, y_score, weights, np.full(len(y_true), True)))
        within = _share(*parts.sum(axis=0))
        by_run.append([*_share(parts[:, 0], parts[:, 1]), within, whole, within - whole])
    found = np.mean(by_run, axis=0)
    # pandas leaves out the resamples that hold no pair of a stratum
    low, high = pd.DataFrame(found[:, 1:]).quantile(np.divide(bootstrap.PERCENTILES, 100), axis=1).to_numpy()
    table = pd.DataFrame({"value": found[:, 0], "ci_low": low, "ci_high": high}, index=[*names, WITHIN, ALL, DIFFERENCE])
    table[["normal", "pneumonia"]] = [_counts(y_true[groups == name]) for name in names] + [_counts(y_true)] * 3
    few = table.index.isin(names) & (table[["normal", "pneumonia"]].min(axis=1) < FEWEST)
    table.loc[few, ["ci_low", "ci_high"]] = np.nan
    return table


def _pairs(y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs in order (a tie counts half) and all pairs among the images `inside`, per row of `weights`."""
    tp, fp = bootstrap.cumulative_counts(y_true[inside], y_score[inside], weights[:, inside])
    return (np.diff(fp) * (tp[:, 1:] + tp[:, :-1]) / 2).sum(axis=1), tp[:, -1] * fp[:, -1]


def _share(ordered: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Return ordered / every, and NaN where there is no pair."""
    return np.divide(ordered, every, out=np.full(every.shape, np.nan), where=every > 0)


def _counts(y_true: np.ndarray) -> tuple[int, int]:
    return int((y_true == 0).sum()), int((y_true == 1).sum())
