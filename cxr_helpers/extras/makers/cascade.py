"""A two-stage cascade: a quick model screens, a second one confirms what the screen is unsure of (IJAREAS 2025).

Thresholds come from validation only. The screen rules an image out below the highest threshold that misses at most 0.5 %
of the pneumonia images, and calls PNEUMONIA from the lowest threshold on that raises at most 0.5 % false alarms; images
between the two are sent on. The confirming model answers at its operating point (Youden), which is chosen on all
validation images, since those sent on are few.
"""

import dataclasses

import numpy as np
import pandas as pd

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.makers import joining
from cxr_helpers.records import Product
from cxr_helpers.training import rescoring

SENSITIVITY = 0.995  # of the screen on validation, at the threshold below which it rules an image out
SPECIFICITY = 0.995  # of the screen on validation, at the threshold from which on it calls PNEUMONIA
STAGES = ("screen", "confirm")
_ABOVE = float(np.nextafter(1, 2))  # a threshold that no score reaches
_BELOW = 0.499998  # the largest score of an image called NORMAL: still below 0.5 with the digits that a record keeps


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """An image is NORMAL below `low`, PNEUMONIA from `high` on, else sent on and PNEUMONIA from `confirm` on.

    `screen` is the operating point that the screen would have alone (Youden).
    """

    low: float
    high: float
    confirm: float
    screen: float


def make(config: Config, profile: str) -> Product:
    """Join a run of either member to a cascade.

    The table "scores" has the cascade's decision as y_score >= 0.5; "decisions" has image_id, split, stage (of
    `STAGES`: which model decided), screen_score and confirm_score of every image.

    Raises:
        CxrError: there are not two members, one is unknown or not trained, or they were scored on different images.
    """
    if len(config.members) != 2:
        raise CxrError(f"Config: a cascade has two members, the screen and the confirming model, not {len(config.members)}.")
    joined = joining.paired(config, profile)
    screen, confirm = rescoring.aligned(joined)
    thresholds = choose(screen[screen.split == "val"], confirm[confirm.split == "val"])
    decided = decide(screen.y_score.to_numpy(), confirm.y_score.to_numpy(), thresholds)
    scores = screen.assign(y_score=decided.y_score)
    decisions = scores[["image_id", "split"]].join(decided.drop(columns="y_score"))
    sent_on = (decisions.stage == "confirm").groupby(decisions.split).mean()
    info = joining.info(joined) | {
        "thresholds": dataclasses.asdict(thresholds),
        "sent_on": {split: round(float(share), 6) for split, share in sent_on.items()},
    }
    return info, {"scores": scores, "decisions": decisions}


def choose(screen: pd.DataFrame, confirm: pd.DataFrame) -> Thresholds:
    """Return the thresholds that the validation scores of either model give; where one serves both ends, low equals high."""
    false_alarm, sensitivity, thresholds = metrics.operating_points(screen)
    low = float(thresholds[np.argmax(sensitivity >= SENSITIVITY)])
    high = float(min([_ABOVE, *thresholds[false_alarm <= 1 - SPECIFICITY]]))
    return Thresholds(low, max(low, high), metrics.operating_point(confirm), metrics.operating_point(screen))


def decide(screen: np.ndarray, confirm: np.ndarray, thresholds: Thresholds) -> pd.DataFrame:
    """Return stage, screen_score, confirm_score and the cascade's y_score of each image, from either model's scores (N,).

    y_score is a decision (at 0.5) and an order of images, not a probability: what the screen ruled out lies below 0.25,
    what it called PNEUMONIA at or above 0.75, and what was sent on between, its threshold at 0.5; within each part the
    images stand as the model that decided has them.
    """
    low, high = thresholds.low, thresholds.high
    sent_on = (screen >= low) & (screen < high)
    ruled_out, called = np.interp(screen, [0, low], [0, 0.25]), np.interp(screen, [high, max(1, high)], [0.75, 1])
    return pd.DataFrame(
        {
            "stage": np.where(sent_on, *STAGES[::-1]),
            "screen_score": screen,
            "confirm_score": confirm,
            "y_score": np.select([sent_on, screen < low], [0.25 + centred(confirm, thresholds.confirm) / 2, ruled_out], called),
        }
    )


def centred(y_score: np.ndarray, threshold: float) -> np.ndarray:
    """Return scores in [0, 1] mapped piecewise linearly so that y_score >= `threshold` is the same as a result >= 0.5."""
    mapped = np.interp(y_score, [0, threshold, max(1, threshold)], [0, 0.5, 1])
    return np.where(np.asarray(y_score) >= threshold, np.maximum(mapped, 0.5), np.minimum(mapped, _BELOW))
