"""Pairs of like width: how well a model ranks two images, one of either class, whose published widths are nearly the same."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap, metrics

RATIO = 1.05  # of two widths that count as like
ALL, ALIKE, DIFFERENCE = "all pairs", "pairs of like width", "difference"


def auc(runs: Sequence[pd.DataFrame], widths: pd.Series, n_boot: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return the AUC over all pairs of images, over those of like width, and the difference, with 95 % intervals over patients.

    Args:
        runs: scores of one split, one frame per seed; figures are means over the runs.
        widths: width of the published file by image_id.

    Returns:
        Index `ALL`, `ALIKE`, `DIFFERENCE`; columns value, ci_low, ci_high. `attrs` has the number of "pairs" of like width and
        their "share" of all pairs.

    Raises:
        CxrError: a width is not known.
    """
    frames = metrics.aligned(runs)
    images, width = frames[0], widths.loc[frames[0].image_id].to_numpy(float)
    if not np.isfinite(width).all():
        raise CxrError("Some images have no published width; set CXR_GEOMETRY to the table of published sizes.")
    y_true = images.y_true.to_numpy()
    drawn = bootstrap.usable_weights(tuple(images.patient_id), tuple(y_true), n_boot, seed)
    weights, by_run = np.vstack([np.ones(len(images)), drawn]), []
    for frame in frames:
        y_score = frame.y_score.to_numpy()
        every = bootstrap.roc_auc(*bootstrap.cumulative_counts(y_true, y_score, weights))
        like, pairs = ranked(y_true, y_score, width, weights)
        by_run.append([every, like, like - every])
    found = np.mean(by_run, axis=0)
    low, high = np.nanpercentile(found[:, 1:], bootstrap.PERCENTILES, axis=1)  # a resample may hold no such pair
    table = pd.DataFrame({"value": found[:, 0], "ci_low": low, "ci_high": high}, index=[ALL, ALIKE, DIFFERENCE])
    table.attrs |= {"pairs": int(pairs.sum()), "share": float(pairs.mean())}
    return table


def ranked(y_true: np.ndarray, y_score: np.ndarray, width: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of pairs of like width in order (a tie counts half), for each row of `weights` (B, N): (B,).

    Beside it, bool (normal images, pneumonias), which pairs are of like width. Images are (N,), `y_true` 0 or 1; NaN without
    any pair.
    """
    ill = y_true == 1
    gaps = y_score[ill] - y_score[~ill][:, None]
    like = np.abs(np.log(width[ill] / width[~ill][:, None])) <= np.log(RATIO)
    ordered, every = (
        ((weights[:, ~ill] @ pairs) * weights[:, ill]).sum(axis=1) for pairs in (like * ((gaps > 0) + (gaps == 0) / 2), like)
    )
    return np.divide(ordered, every, out=np.full(len(weights), np.nan), where=every > 0), like
