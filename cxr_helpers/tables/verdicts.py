"""What our figures say of a reported one: its sampling error counts as ours does, and so do all readings of its text."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from statsmodels.stats.proportion import proportion_confint

CONSISTENT = "consistent"
INSIDE = "inconsistent under our reading but inside the range of readings"
OUTSIDE = "outside every reading"
NOT_TESTED = "not tested"
_NORMAL = 1.959964  # standard deviations on either side that hold 95 %

Interval = tuple[float, float]


def verdict(
    metric: str,
    reported: float,
    ours: float | None,
    readings: Sequence[float],
    images: tuple[int, int],
    interval: Interval | None = None,
) -> str:
    """Return one of the four words, for a figure inside or outside the readings with "(k of n)": how many reach it.

    Args:
        metric: a key of `metrics.TITLES`.
        reported: the text's value, as it prints it.
        ours: that of our own reading; None or NaN where there is none.
        readings: those of all readings, ours among them or not.
        images: how many of PNEUMONIA and of NORMAL the text's figure was measured on.
        interval: 95 % interval of ours, by default that of as many images.
    """
    if ours is None or np.isnan(ours):
        return NOT_TESTED
    if agrees(metric, reported, ours, images, interval):
        return CONSISTENT
    values = [value for value in readings if not np.isnan(value)] or [ours]
    reached = sum(agrees(metric, reported, value, images) for value in values)
    inside = reached or min(values) <= reported <= max(values)
    return f"{INSIDE if inside else OUTSIDE} ({reached} of {len(values)})"


def agrees(metric: str, reported: float, ours: float, images: tuple[int, int], interval: Interval | None = None) -> bool:
    """Tell whether the 95 % interval of reported minus ours holds zero, the reported value rounded as it is printed.

    The two samples are taken as independent; their intervals are joined as by Newcombe (1998, method 10).
    """
    half = float(Decimal(1).scaleb(Decimal(str(reported)).as_tuple().exponent)) / 2
    low, high = sampling_interval(metric, reported, images)
    own_low, own_high = interval or sampling_interval(metric, ours, images)
    below = np.hypot(reported - low, own_high - ours) + half
    above = np.hypot(high - reported, ours - own_low) + half
    return bool(-above <= reported - ours <= below)


def sampling_interval(metric: str, value: float, images: tuple[int, int]) -> Interval:
    """Return the 95 % interval of a figure measured on so many images of PNEUMONIA and NORMAL, taken as independent.

    Shares: Wilson's, precision and F1 as if they were shares of the images of PNEUMONIA. ROC AUC: Hanley and McNeil (1982).
    Of other figures, such as cross-entropy, no interval follows from the value: it is the value itself.
    """
    positives, negatives = images
    sizes = dict.fromkeys(("recall", "precision", "f1"), positives)
    sizes |= {"accuracy": positives + negatives, "specificity": negatives}
    if metric in sizes:
        return proportion_confint(value * sizes[metric], sizes[metric], method="wilson")
    if metric != "roc_auc":
        return value, value
    spread = (positives - 1) * (value / (2 - value) - value**2) + (negatives - 1) * (2 * value**2 / (1 + value) - value**2)
    error = np.sqrt((value * (1 - value) + spread) / (positives * negatives))
    return max(0.0, value - _NORMAL * error), min(1.0, value + _NORMAL * error)
