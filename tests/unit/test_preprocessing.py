"""The steps of image enhancement, on images small enough to work out by hand."""

import numpy as np
import pytest

from cxr_helpers.data import preprocessing
from cxr_helpers.data.preprocessing import VARIANTS, Pipeline

RAMP = np.tile(np.arange(64, dtype=np.uint8) + 90, (64, 1))


def test_shrinking_averages_areas():
    image = np.array([[0, 100, 8, 8], [100, 200, 8, 8], [0, 0, 1, 3], [0, 0, 5, 7]], np.uint8)
    np.testing.assert_array_equal(preprocessing.resize(image, 2), [[100, 8], [0, 4]])


def test_enlarging_keeps_the_range_and_a_flat_image():
    flat = np.full((10, 20), 77, np.uint8)
    assert (preprocessing.resize(flat, 32) == 77).all()
    assert preprocessing.resize(RAMP, 128).max() <= RAMP.max()


def test_gaussian_spreads_a_point_and_keeps_its_sum():
    image = np.zeros((15, 15), np.uint8)
    image[7, 7] = 255
    smooth = preprocessing.gaussian(image)
    assert smooth[7, 7] < 60
    assert np.count_nonzero(smooth) > 9
    assert abs(int(smooth.sum()) - 255) < 20  # rounding of 25 pixels


def test_median_removes_a_speck():
    image = np.full((9, 9), 50, np.uint8)
    image[4, 4] = 255
    assert (preprocessing.median(image) == 50).all()


def test_equalising_two_equal_halves_gives_black_and_white():
    image = np.repeat(np.array([[100, 110]], np.uint8), 32, axis=1).repeat(64, axis=0)
    assert set(np.unique(preprocessing.equalise(image))) == {0, 255}


def test_clahe_raises_local_contrast_less_than_full_equalisation():
    assert RAMP.std() < preprocessing.clahe(RAMP).std() < preprocessing.equalise(RAMP).std()


def test_stretch_maps_the_percentiles_to_the_ends():
    stretched = preprocessing.stretch(RAMP, low=0, high=100)
    # 90..153 over 0..255: the value 90 + 21 is a third of the way.
    assert (stretched[0, 0], stretched[0, 21], stretched[0, 63]) == (0, 85, 255)
    assert (preprocessing.stretch(np.full((4, 4), 9, np.uint8)) == 9).all()


def test_a_pipeline_applies_its_steps_in_order():
    invert, darken = lambda image: 255 - image, lambda image: image // 2
    image = np.full((2, 2), 55, np.uint8)
    assert (Pipeline((invert, darken))(image) == 100).all()
    assert (Pipeline((darken, invert))(image) == 228).all()


def test_the_reference_comes_first_and_changes_nothing():
    assert next(iter(VARIANTS)) == "none"
    assert len(VARIANTS) >= 7
    np.testing.assert_array_equal(VARIANTS["none"](RAMP), RAMP)
    assert VARIANTS["none"](RAMP) is not RAMP


def test_the_thesis_variant_smooths_before_it_equalises():
    expected = preprocessing.equalise(preprocessing.gaussian(RAMP))
    np.testing.assert_array_equal(VARIANTS["gaussian+equalise"](RAMP), expected)
    assert VARIANTS["gaussian+equalise"].described == "gaussian(kernel=5) → equalise"


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "none"])
def test_every_variant_changes_a_image_but_not_the_callers_array(name):
    noisy = np.random.default_rng(0).integers(60, 180, (64, 64)).astype(np.uint8)
    before = noisy.copy()
    changed = VARIANTS[name](noisy)
    np.testing.assert_array_equal(noisy, before)
    assert changed.shape == noisy.shape
    assert changed.dtype == np.uint8
    assert (changed != noisy).mean() > 0.2
