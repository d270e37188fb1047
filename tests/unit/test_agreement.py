"""Overlap of masks and agreement of measurements, against values worked out by hand."""

import numpy as np
import pytest

from cxr_helpers.evaluation import bootstrap
from cxr_helpers.extras.makers import segmentation


def squares(ours, truth):
    masks = [np.zeros((4, 4), bool), np.zeros((4, 4), bool)]
    masks[0][:2, ours], masks[1][:2, truth] = True, True
    return masks


@pytest.mark.parametrize(
    ("ours", "truth", "dice"),
    [
        (slice(0, 2), slice(0, 2), 1.0),
        (slice(0, 2), slice(1, 3), 0.5),  # 4 and 4 pixels, 2 of them shared
        (slice(0, 1), slice(0, 4), 0.4),  # 2 within 8
        (slice(0, 2), slice(2, 4), 0.0),
        (slice(0, 0), slice(0, 2), 0.0),
        (slice(0, 0), slice(0, 0), 1.0),
    ],
)
def test_overlap_of_known_masks(ours, truth, dice):
    assert segmentation.dice(*squares(ours, truth)) == pytest.approx(dice)


def test_the_interval_of_a_mean_is_over_patients():
    values = np.repeat([0.2, 0.8], 50)
    by_image = bootstrap.mean_interval(values, np.arange(100).astype(str))
    two_patients = bootstrap.mean_interval(values, np.repeat(["a", "b"], 50))
    assert by_image.value == two_patients.value == pytest.approx(0.5)
    assert (two_patients.ci_low, two_patients.ci_high) == pytest.approx((0.2, 0.8))  # either patient may be drawn twice
    assert by_image.ci_high - by_image.ci_low == pytest.approx(2 * 1.96 * 0.03, rel=0.1)  # 0.3 / sqrt(100) a side


def test_a_patient_with_more_images_weighs_more():
    found = bootstrap.mean_interval(np.array([0.0, 0.0, 0.0, 1.0]), np.array(["a", "a", "a", "b"]))
    assert (found.value, found.ci_low, found.ci_high) == (0.25, 0.0, 1.0)  # the second patient drawn twice: only ones
