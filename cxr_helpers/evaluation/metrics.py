"""Metrics, curves and calibration of stored scores, with a 95 % interval from a bootstrap over patients.

Scores are data frames with the columns image_id, patient_id, split, y_true (1 = PNEUMONIA) and y_score
(P(PNEUMONIA) in [0, 1]). Where an experiment was trained with several seeds, its figure is the mean over the seeds, and its
interval that of the mean: every resample of patients is the same for all seeds, so the interval speaks of the
images, not of the spread between seeds.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.metrics import confusion_matrix, roc_curve

from cxr_helpers.base import lazy
from cxr_helpers.config import one_of
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap

proportion = lazy.module("statsmodels.stats.proportion")

TITLES = {
    "accuracy": "Accuracy",
    "bce": "Cross-entropy",
    "precision": "Precision",
    "recall": "Sensitivity",
    "f1": "F1",
    "specificity": "Specificity",
    "balanced_accuracy": "Balanced accuracy",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "brier": "Brier score",
    "ece": "ECE",
}
COUNTS = ("tp", "fp", "tn", "fn")
GRID = np.linspace(0, 1, 201)  # of the false-positive rate or of the sensitivity, where curves are averaged


def title(metric: str) -> str:
    """Return a metric's name as the report writes it: of a key of `TITLES` or `COUNTS`, or of any other figure."""
    return TITLES.get(metric) or (metric.upper() if metric in COUNTS else metric[0].upper() + metric[1:])


def evaluate(
    scores: pd.DataFrame | Sequence[pd.DataFrame],
    threshold: float | Sequence[float] = 0.5,
    n_boot: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return every metric of the scores of a split with its 95 % percentile interval (Efron and Tibshirani 1993).

    `scores`: of one run, or of several on the same images, whose mean is taken; then `threshold` may be one per run. Index: the
    keys of `TITLES` and `COUNTS`, the intervals of counts at the images' own class sizes; columns value, ci_low, ci_high.
    PNEUMONIA iff y_score >= threshold. Resamples of one class only are left out. An ECE cannot be negative, so resampling raises
    it: its interval lies high and may leave out the value. Where all agree: see `bootstrap.with_limits`. Errors: see `checked`.
    """
    runs = [scores] if isinstance(scores, pd.DataFrame) else scores
    table = _table(*_sampled(runs, threshold, n_boot, seed))
    return bootstrap.with_limits(table, runs[0], float(np.ravel(threshold)[0]))


def difference(
    ours: Sequence[pd.DataFrame],
    theirs: Sequence[pd.DataFrame],
    threshold: float | tuple[float | Sequence[float], float | Sequence[float]] = 0.5,
    paired: bool = True,
    n_boot: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return ours minus theirs for every metric, paired: both experiments are resampled with the same patients.

    `threshold` may be a pair, ours and theirs. Not `paired`, the two may be of different images (else a CxrError), and the
    patients of either are resampled without regard to the other.
    """
    if paired:
        aligned([*ours, *theirs])
    limits = threshold if isinstance(threshold, tuple) else (threshold, threshold)
    points, samples = _sampled(ours, limits[0], n_boot, seed)
    other_points, other_samples = _sampled(theirs, limits[1], n_boot, seed if paired else seed + 1)
    usable = min(len(samples), len(other_samples))  # of different images, other resamples are left out
    return _table(points - other_points, samples[:usable] - other_samples[:usable]).loc[list(TITLES)]


def compare(scores: Mapping[str, Sequence[pd.DataFrame]], metric: str = "roc_auc", **options) -> pd.DataFrame:
    """Return one metric per experiment: index experiment, columns value, ci_low, ci_high; `options` as `evaluate`."""
    one_of("metric", metric, TITLES)
    rows = {name: evaluate(runs, **options).loc[metric] for name, runs in scores.items()}
    return pd.DataFrame(rows).T.rename_axis("experiment")


def points(scores: pd.DataFrame, threshold: float = 0.5) -> pd.Series:
    """Return every metric of one run without intervals; errors as `evaluate`."""
    frame = checked(scores)
    y_true, y_score, once = frame.y_true.to_numpy(), frame.y_score.to_numpy(), np.ones((1, len(frame)))
    return pd.DataFrame(bootstrap.weighted_metrics(y_true, y_score, once, threshold)).iloc[0]


def confusion(scores: pd.DataFrame, threshold: float = 0.5) -> np.ndarray:
    """Return the counts [[tn, fp], [fn, tp]] of PNEUMONIA iff y_score >= threshold."""
    scores = checked(scores)
    return confusion_matrix(scores.y_true, scores.y_score >= threshold, labels=[0, 1])


def operating_point(val_scores: pd.DataFrame) -> float:
    """Return the threshold t (PNEUMONIA iff y_score >= t) of the largest sensitivity + specificity - 1 (Youden 1950).

    Of equally good thresholds the highest is taken. A score that is not of the validation split is a CxrError.
    """
    false_alarm, sensitivity, thresholds = operating_points(val_scores)
    return float(thresholds[np.argmax(sensitivity - false_alarm)])


def operating_points(val_scores: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return false-positive rate, sensitivity and threshold at each score, the highest first; errors as `operating_point`."""
    if not (val_scores["split"] == "val").all():
        raise CxrError('An operating point is chosen on validation only; pass scores whose split is "val" throughout.')
    scores = checked(val_scores)
    # The curve starts at an infinite threshold, which would call no image PNEUMONIA.
    return tuple(values[1:] for values in roc_curve(scores.y_true, scores.y_score, drop_intermediate=False))


def checked(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores sorted by image_id; a CxrError where they are empty, of one class, no probabilities, or not unique."""
    if scores.empty:
        raise CxrError("The scores are empty; check which split was selected.")
    twice = scores.image_id[scores.image_id.duplicated()]
    if len(twice):
        raise CxrError(f"Image {twice.iloc[0]} is scored twice; select one split of one run.")
    if not scores.y_score.between(0, 1).all():
        raise CxrError("y_score leaves [0, 1] or is missing; scores must be P(PNEUMONIA) after the sigmoid or softmax.")
    if set(scores.y_true) != {0, 1}:
        raise CxrError("y_true must hold both 0 (NORMAL) and 1 (PNEUMONIA); a metric of one class alone says nothing.")
    return scores.sort_values("image_id", ignore_index=True)


def aligned(runs: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the runs' scores with equal rows in equal order; other images, or no run, is a CxrError."""
    frames = [checked(scores) for scores in runs]
    if not frames:
        raise CxrError("No run was given to evaluate; train the experiment first (`cxr train NAME`).")
    if not all(np.array_equal(frame.image_id.to_numpy(), frames[0].image_id.to_numpy()) for frame in frames):
        raise CxrError("The runs were scored on different images; compare runs of one protocol and one split.")
    return frames


def _sampled(
    runs: Sequence[pd.DataFrame], threshold: float | Sequence[float], n_boot: int, seed: int
) -> tuple[pd.Series, pd.DataFrame]:
    """Return the metrics and their resamples (one row each), both averaged over runs."""
    frames = aligned(runs)
    limits = np.broadcast_to(threshold, len(frames))
    columns = [[tuple(frame[name]) for name in ("patient_id", "y_true", "y_score")] for frame in frames]
    samples = sum(_resampled(*each, float(limit), n_boot, seed) for each, limit in zip(columns, limits, strict=True))
    return pd.DataFrame(map(points, frames, limits)).mean(), samples / len(frames)


@functools.lru_cache(maxsize=512)
def _resampled(patient_id: tuple, y_true: tuple, y_score: tuple, threshold: float, n_boot: int, seed: int) -> pd.DataFrame:
    """Return one run's metrics in every usable resample."""
    weights = bootstrap.usable_weights(patient_id, y_true, n_boot, seed)
    return pd.DataFrame(bootstrap.weighted_metrics(np.array(y_true), np.array(y_score), weights, threshold))


def _table(points: pd.Series, samples: pd.DataFrame) -> pd.DataFrame:
    names = [*TITLES, *COUNTS]
    low, high = np.percentile(samples[names], bootstrap.PERCENTILES, axis=0)
    return pd.DataFrame({"value": points[names], "ci_low": low, "ci_high": high}, index=names).rename_axis("metric")


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
    scores = checked(scores)
    bins = scores.groupby(bootstrap.score_bins(scores.y_score.to_numpy()))
    table = bins.agg(predicted=("y_score", "mean"), observed=("y_true", "mean"), positive=("y_true", "sum"), n=("y_true", "size"))
    low, high = proportion.proportion_confint(table.positive, table.n, method="wilson")
    # Where no or every image of a bin is positive, the bound equals the share but for rounding.
    table["ci_low"], table["ci_high"] = np.minimum(low, table.observed), np.maximum(high, table.observed)
    return table.drop(columns="positive")


def _band(runs: Sequence[pd.DataFrame], curve: Callable, n_boot: int, seed: int) -> pd.DataFrame:
    """Average `curve` over runs on `GRID`, for the images as they are and for every resample of patients."""
    frames = aligned(runs)
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


def at_temperature(y_score: np.ndarray, temperature: float) -> np.ndarray:
    """Return sigmoid(logit / temperature) of probabilities (N,)."""
    return expit(logits(y_score) / temperature)


def cross_entropy(scores: pd.DataFrame) -> np.ndarray:
    """Return the cross-entropy of each image, (N,): minus the logarithm of the probability that its true class was given."""
    likelihood = np.where(scores.y_true == 1, scores.y_score, 1 - scores.y_score)
    return -np.log(likelihood.clip(bootstrap.CLIP, 1 - bootstrap.CLIP))


def perfect(scores: pd.DataFrame, n_draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return what `evaluate` would find if the scores were perfectly calibrated: labels are drawn from the scores.

    Index: "ece" and "brier"; columns value (the mean over draws), ci_low, ci_high (the middle 95 %). The y_true of the
    scores is not used; images are drawn independently of each other.
    """
    y_score = checked(scores).y_score.to_numpy()
    y_true = np.random.default_rng(seed).random((n_draws, len(y_score))) < y_score
    once = np.ones((n_draws, len(y_score)))
    found = {"ece": bootstrap.calibration_error(y_true, y_score, once), "brier": ((y_score - y_true) ** 2).mean(axis=1)}
    low, high = np.percentile(list(found.values()), bootstrap.PERCENTILES, axis=1)
    return pd.DataFrame({"value": [draws.mean() for draws in found.values()], "ci_low": low, "ci_high": high}, index=list(found))


def logits(y_score: np.ndarray) -> np.ndarray:
    """Return the log-odds of probabilities (N,), kept finite."""
    return logit(y_score.clip(bootstrap.CLIP, 1 - bootstrap.CLIP))
