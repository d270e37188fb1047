"""Exponents of costs whose law is known: an offset does not bend them, a constant cost has none."""

import numpy as np
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.statistics import growth

IMAGES = np.array([4, 8, 16, 32, 64])


def noisy(costs, seed=0, spread=0.02):
    return costs * np.exp(spread * np.random.default_rng(seed).standard_normal(len(costs)))


@pytest.mark.parametrize(("exponent", "offset"), [(1, 0), (1, 3), (1, 500), (2, 0), (2, 7), (0.5, 1)])
def test_the_exponent_is_found_whatever_the_offset(exponent, offset):
    found = growth.fit(IMAGES, offset + 2 * IMAGES**exponent)
    assert found.value == pytest.approx(exponent, abs=0.006)


def test_a_line_through_the_logarithms_would_miss_what_the_offset_hides():
    costs = noisy(3 + 0.2 * IMAGES)
    slope = np.polyfit(np.log(IMAGES), np.log(costs), 1)[0]
    found = growth.fit(IMAGES, costs)
    assert slope < 0.6 and found.ci_low < 1 < found.ci_high < 1.5


def test_a_constant_cost_has_exponent_0():
    assert growth.fit(IMAGES, np.full(5, 37.5)).value == pytest.approx(0, abs=1e-9)
    found = growth.fit(IMAGES, noisy(np.full(5, 37.5)))
    assert found.ci_low < 0 < found.ci_high < 0.1


def test_a_falling_cost_is_no_growth():
    found = growth.fit(IMAGES, 10 / IMAGES)
    assert found.value == pytest.approx(-1) and found.ci_high < 0


def test_nineteen_of_twenty_intervals_hold_the_exponent():
    held = 0
    for seed in range(60):
        found = growth.fit(IMAGES, noisy(3 + 0.5 * IMAGES, seed))
        held += found.ci_low <= 1 <= found.ci_high
    assert held >= 52  # 57 expected; fewer than 52 have a chance of about one in a hundred


def test_the_interval_widens_with_the_noise():
    narrow, wide = (growth.fit(IMAGES, noisy(2.0 * IMAGES, spread=spread)) for spread in (0.005, 0.05))
    assert wide.ci_high - wide.ci_low > 3 * (narrow.ci_high - narrow.ci_low)


def test_three_numbers_of_images_are_too_few():
    with pytest.raises(CxrError, match="3 numbers of images; measure at four or more"):
        growth.fit([1, 2, 4], [1, 2, 4])
