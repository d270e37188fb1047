"""Other rules than Youden's for the threshold at which a score becomes a decision; errors as `operating_point.choose`."""

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import operating_point


def at_sensitivity(val_scores: pd.DataFrame, least: float) -> float:
    """Return the highest threshold that reaches a sensitivity, 0 < least <= 1."""
    _, sensitivity, thresholds = operating_point.curve(val_scores)
    return float(thresholds[np.argmax(sensitivity >= least)])
