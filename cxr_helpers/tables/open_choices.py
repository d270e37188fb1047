"""What a source document leaves open, the readings that were made of it, and what they and ours say of a reported figure.

Its sampling error counts as ours does, and so do all readings of its text (reports/readings.toml, reports/readings/).
"""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.config import one_of
from cxr_helpers.evaluation import metrics
from cxr_helpers.tables import reported_vs_reproduced

CONSISTENT = "consistent"
INSIDE = "inconsistent under our reading but inside the range of readings"
OUTSIDE = "outside every reading"
_NORMAL = 1.959964  # standard deviations on either side that hold 95 %

Interval = tuple[float, float]


def claim(name: str) -> dict:
    """Return what readings.toml says of a claim; an unknown name is a CxrError that lists the known ones."""
    claims = stored_results.read(paths.reports("full") / "readings.toml", "")
    return claims[one_of("readings", name, claims)]


def choices(text: dict) -> pd.DataFrame:
    """Return one row per choice of a claim, the stopping rule last: choice, options, why."""
    rows = [*text["choices"], {"name": "stopping", **text["stopping"]}]
    return pd.DataFrame([{"choice": row["name"], "options": "; ".join(row["options"]), "why": row["why"]} for row in rows])


def load(name: str, profile: str, missing_ok: bool = False) -> pd.DataFrame | None:
    """Return the readings of a claim, as `extras.makers.readings.make` makes them; errors as `stored_results.read`."""
    path = paths.reports(profile) / "readings" / f"{name}.csv"
    return stored_results.read(path, f"cxr readings {name} --profile {profile}", missing_ok)


def judged(text: dict, table: pd.DataFrame, ours: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return one row per reported figure that readings have: metric, reported, ours, least, largest, verdict (see below).

    `ours` are the scores of our own reading, one frame a seed, on the images on which the text reports; ours_low and
    ours_high bound its 95 % interval over patients.
    """
    own, rows = metrics.evaluate_seeds(ours), []
    for figure in reported_vs_reproduced.reported()[text["experiment"]]["figures"]:
        metric, value = figure["metric"], figure.get("value")
        if f"{text['split']}_{metric}" in table:
            values = table[f"{text['split']}_{metric}"]
            mean, low, high = own.loc[metric]
            row = {"metric": metrics.title(metric), "reported": value, "ours": mean, "ours_low": low, "ours_high": high}
            row |= {"least reading": values.min(), "largest reading": values.max()}
            rows.append(row | {"verdict": verdict(metric, value, mean, values, tuple(text["images"]), (low, high))})
    judged = pd.DataFrame(rows)
    judged.attrs["digits"] = {"reported": "{:g}"}
    return judged


def verdict(
    metric: str, reported: float, ours: float, readings: Sequence[float], images: tuple[int, int], interval: Interval
) -> str:
    """Return one of the three words, for a figure inside or outside the `readings` with "(k of n)": how many reach it.

    `metric` is a key of `metrics.TITLES`, `reported` as the text prints it, measured on so many `images` of PNEUMONIA and of
    NORMAL; `interval` is the 95 % interval of ours.
    """
    if agrees(metric, reported, ours, images, interval):
        return CONSISTENT
    reached = sum(agrees(metric, reported, value, images) for value in readings)
    inside = reached or min(readings) <= reported <= max(readings)
    return f"{INSIDE if inside else OUTSIDE} ({reached} of {len(readings)})"


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
