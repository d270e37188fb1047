"""What kind of shift: each correction undoes the shift that it is meant for, on scores made so."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from cxr_helpers.extras.statistics import label_shift
from cxr_helpers.extras.tables import shift_tables, subgroup_tables

RNG = np.random.default_rng(0)


def calibrated(n: int, prevalence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and perfectly calibrated scores of n images: log-odds are normal about ±2, moved by the prevalence."""
    y_true = (np.arange(n) < n * prevalence).astype(int)
    return y_true, expit(RNG.normal(np.where(y_true, 2, -2), 2) + logit(prevalence))


def test_a_changed_prevalence_is_found_without_labels_and_mended():
    _, val = calibrated(4000, 0.5)
    y_true, here = calibrated(4000, 0.2)
    scores = expit(logit(here) - logit(0.2))  # as a model that learnt at 0.5 would say
    assert label_shift.by_em(val, 0.5) == pytest.approx(0.5, abs=0.03)
    found = label_shift.by_em(scores, 0.5)
    assert found == pytest.approx(0.2, abs=0.03)
    assert label_shift.reweighed(scores, 0.5, 0.2) == pytest.approx(here)
    assert label_shift.by_confusion(scores >= 0.5, 0.84, 0.84) == pytest.approx(0.2, abs=0.03)


def test_slope_and_intercept_undo_a_moved_intercept_that_no_temperature_mends():
    y_true, score = calibrated(4000, 0.5)
    moved = pd.DataFrame({"y_true": y_true, "y_score": expit(logit(score) + 2)})
    slope, offset = shift_tables._fitted(moved, True)
    assert (slope, offset) == (pytest.approx(1, abs=0.1), pytest.approx(-2, abs=0.2))
    slope, offset = shift_tables._fitted(moved, False)
    assert offset == 0
    assert abs(expit(slope * logit(moved.y_score)).mean() - 0.5) > 0.1


def test_a_label_is_doubted_where_others_of_the_other_class_are_no_surer():
    scores = pd.DataFrame({"y_true": [1, 1, 1, 0, 0, 0], "y_score": [0.9, 0.8, 0.05, 0.1, 0.2, 0.7]})
    # The class means are (0.9 + 0.8 + 0.05) / 3 = 0.58 and 1 - 1 / 3 = 0.67.
    assert subgroup_tables.doubted(scores).tolist() == [False, False, True, False, False, True]
    assert not subgroup_tables.doubted(scores.assign(y_score=[0.9, 0.8, 0.45, 0.1, 0.2, 0.45])).any()
