"""Adaptation by a mixture: it follows a shift of both classes, and refuses what is one class, too few or not apart."""

import numpy as np
import pytest
from scipy.special import expit

from cxr_helpers.extras.statistics import mixture

N = 200
RNG = np.random.default_rng(0)
Y_TRUE = np.repeat([0, 1], N)


def scores(low: float, high: float, spread: float = 1.0) -> np.ndarray:
    """Return the scores of N images of each class, log-odds normal about `low` and `high`."""
    return expit(RNG.normal(np.repeat([low, high], N), spread))


def right(y_score: np.ndarray, threshold: float) -> float:
    return ((y_score >= threshold) == Y_TRUE).mean()


@pytest.mark.parametrize("shift", [-1.5, 0, 1.5])
def test_a_shift_of_both_classes_is_undone(shift):
    shifted = scores(-2 + shift, 2 + shift)
    found = mixture.adapt(shifted, 0.5)
    assert not found.refused and found.low == pytest.approx(-2 + shift, abs=0.3) and found.share == pytest.approx(0.5, abs=0.05)
    assert right(found.y_score, 0.5) > 0.95
    assert right(found.y_score, 0.5) >= right(shifted, 0.5) - 0.01


@pytest.mark.parametrize(
    ("y_score", "why"),
    [
        (scores(-2, 2)[: mixture.FEWEST - 1], "49 images are fewer than 50"),
        (scores(-0.5, 0.5), "standard deviations apart"),  # the classes do not separate
        (scores(-3, -3), "standard deviations apart"),  # one class
        (scores(-6, -2, 0.5), "one side of the operating point"),
        (np.full(60, 0.3), "one value"),
    ],
)
def test_what_cannot_be_adapted_is_refused_and_stays_as_it_is(y_score, why):
    found = mixture.adapt(y_score, 0.5)
    assert why in found.refused and np.array_equal(found.y_score, y_score)


def test_scores_of_nought_and_one_do_not_set_the_spread():
    sure = np.concatenate([np.zeros(4), scores(-2.5, 2.5), np.ones(4)])
    found = mixture.adapt(sure, 0.5)
    assert not found.refused and np.isfinite(found.y_score).all() and found.spread < 3
