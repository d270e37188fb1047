"""What is said of a reported figure beside ours: one list of words for tables, chapters and abstract, and the rule behind it.

A reported figure has sampling error as ours has: the two are consistent where the 95 % interval of their difference holds zero.
"""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from cxr_helpers.evaluation import metrics

CONSISTENT = "consistent"
INSIDE = "inside the range of readings"
OUTSIDE = "outside every reading"
NOT_TESTED = "not tested"
WORDS = (CONSISTENT, INSIDE, OUTSIDE, NOT_TESTED)
LIMITED = "with a limit"
LIMIT = "limit: "  # before what a status says of it
TOO_WIDE = "the interval is too wide to tell this order from the next"
KINDS = PERFORMANCE, GROWTH, SIZE, TIME = ("performance", "growth", "size", "time")
_NORMAL = 1.959964  # standard deviations on either side that hold 95 %
# What a larger and a smaller figure of ours than the reported one means.
_MEANINGS = {
    "accuracy": ("better: more images right", "worse: fewer images right"),
    "precision": ("better: fewer of the alarms are false", "worse: more of the alarms are false"),
    "recall": ("better: fewer cases missed", "worse: more cases missed"),
    "specificity": ("better: fewer false alarms", "worse: more false alarms"),
    "tp": ("better: more cases found", "worse: fewer cases found"),
    "fn": ("worse: more cases missed", "better: fewer cases missed"),
    "tn": ("better: more normal images recognised", "worse: fewer normal images recognised"),
    "fp": ("worse: more false alarms", "better: fewer false alarms"),
    "bce": ("worse: a larger loss", "better: a smaller loss"),
    "cross-entropy": ("worse: a larger loss", "better: a smaller loss"),
    "model size (MB)": ("worse: a larger file", "better: a smaller file"),
    "training accuracy": ("a closer fit to the training images", "a looser fit to the training images"),
    "training accuracy minus test accuracy": ("worse: a larger gap", "better: a smaller gap"),
}
_SHARES = ("f1", "auc")  # parts of the names of other figures of which more is better

Interval = tuple[float, float]


def kind(metric: str) -> str:
    """Return what a figure is about, one of `KINDS`."""
    if metric.endswith("exponent of N"):
        return GROWTH
    if metric == "parameters" or "(MB)" in metric:
        return SIZE
    return TIME if "time" in metric else PERFORMANCE


def meaning(metric: str, reported: float, ours: float) -> str:
    """Return in words what a difference from the reported figure means, and whether it is good where that can be said."""
    better = any(part in metric.lower() for part in _SHARES) and " minus " not in metric
    named = ("better", "worse") if better else ("more", "less")
    return _MEANINGS.get(metric.removesuffix(" (progress line)"), named)[ours < reported] + " than reported"


def verdict(reported: float, readings: Sequence[float], reached: Sequence[bool]) -> str:
    """Return the word for a tested figure, from all `readings` of its text, ours first, and whether each agrees with it."""
    if reached[0]:
        return CONSISTENT
    return INSIDE if any(reached) or min(readings) <= reported <= max(readings) else OUTSIDE


def agrees(
    metric: str,
    reported: float,
    ours: float,
    images: tuple[int, int] | None = None,
    interval: Interval | None = None,
    spread: Interval = (0.0, 0.0),
) -> bool:
    """Tell whether the 95 % interval of reported minus ours holds zero, the reported value rounded as it is printed.

    The two samples are taken as independent; their intervals are joined as by Newcombe (1998, method 10). `images`: of
    PNEUMONIA and of NORMAL, on which the text reports; None where its figure is no sample (a size, a time).
    `interval`: 95 %, of ours; None for what follows from its value. `spread`: below and above, for figures of which nothing
    follows from the value (see `sampling_interval`). The order of a growth is exact, so it must lie in our interval.
    """
    half = 0.0 if kind(metric) == GROWTH else float(Decimal(1).scaleb(Decimal(str(reported)).as_tuple().exponent)) / 2
    low, high = sampling_interval(metric, reported, images, spread)
    own_low, own_high = interval or sampling_interval(metric, ours, images, spread)
    below = np.hypot(reported - low, own_high - ours) + half
    above = np.hypot(high - reported, ours - own_low) + half
    return bool(-above - 1e-12 <= reported - ours <= below + 1e-12)


def sampling_interval(metric: str, value: float, images: tuple[int, int] | None, spread: Interval = (0.0, 0.0)) -> Interval:
    """Return the 95 % interval of a figure measured on so many images of PNEUMONIA and NORMAL, taken as independent.

    Shares and counts: Wilson's, precision and F1 as if they were shares of the images of PNEUMONIA. ROC AUC: Hanley and
    McNeil (1982). Of a loss or a difference nothing follows from the value: it is given the `spread` of ours, measured on
    other images of the same number.
    """
    if images is None:
        return value, value
    positives, negatives = images
    sizes = dict.fromkeys(("recall", "precision", "f1", "tp", "fn"), positives)
    sizes |= {"accuracy": positives + negatives} | dict.fromkeys(("specificity", "tn", "fp"), negatives)
    if metric in sizes:
        number = sizes[metric]
        unit = number if metric in metrics.COUNTS else 1
        low, high = proportion_confint(value / unit * number, number, method="wilson")
        return low * unit, high * unit
    if metric != "roc_auc":
        return value - spread[0], value + spread[1]
    terms = (positives - 1) * (value / (2 - value) - value**2) + (negatives - 1) * (2 * value**2 / (1 + value) - value**2)
    error = np.sqrt((value * (1 - value) + terms) / (positives * negatives))
    return max(0.0, value - _NORMAL * error), min(1.0, value + _NORMAL * error)
