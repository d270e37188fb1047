"""Corruptions do what their names say, to images known by hand."""

import cv2
import numpy as np
import pytest
from tiny_images import image

from cxr_helpers.data import corruptions
from cxr_helpers.data.corruptions import CORRUPTIONS, corrupted
from cxr_helpers.errors import CxrError

SMOOTH = cv2.resize(image(1), (corruptions.SIDE, corruptions.SIDE), interpolation=cv2.INTER_CUBIC)


def error(kind, level):
    return np.abs(corrupted(SMOOTH, kind, "a", level).astype(float) - SMOOTH).mean()


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_images_keep_their_shape_and_grow_apart_with_the_level(kind):
    before, usual = SMOOTH.copy(), CORRUPTIONS[kind][1]
    found = corrupted(SMOOTH, kind, "a")
    assert found.shape == SMOOTH.shape and found.dtype == np.uint8
    np.testing.assert_array_equal(found, corrupted(SMOOTH, kind, "a", usual))  # equal names are corrupted equally
    np.testing.assert_array_equal(SMOOTH, before)
    if kind != "marker":  # this image has none
        stronger = usual / 2 if kind == "JPEG" else 2 * usual
        assert 0 < error(kind, usual) < error(kind, stronger)


def test_images_of_other_names_are_corrupted_otherwise():
    assert (corrupted(SMOOTH, "noise", "a") != corrupted(SMOOTH, "noise", "b")).any()


def test_noise_has_the_deviation_of_its_level():
    grey = np.full((200, 200), 128, np.uint8)
    assert corrupted(grey, "noise", "a", 10).std() == pytest.approx(10, rel=0.05)


def test_blur_spreads_a_point_as_a_gaussian():
    point = np.zeros((21, 21), np.uint8)
    point[10, 10] = 255
    found = corrupted(point, "blur", "a", 1).astype(float)
    assert found[10, 10] == pytest.approx(255 / (2 * np.pi), abs=2)
    assert found[10, 11] / found[10, 10] == pytest.approx(np.exp(-1 / 2), abs=0.03)


def test_contrast_keeps_the_mean_and_shrinks_the_deviation():
    found = corrupted(SMOOTH, "contrast", "a", 0.6)
    assert found.mean() == pytest.approx(SMOOTH.mean(), abs=0.5)
    assert found.std() == pytest.approx(0.4 * SMOOTH.std(), rel=0.02)


def test_rotation_turns_by_its_level():
    bar = np.zeros((201, 201), np.uint8)
    bar[98:103, 20:181] = 255
    rows, columns = np.nonzero(corrupted(bar, "rotation", "a", 20) > 128)
    slope = np.polyfit(columns, rows, 1)[0]
    assert abs(slope) == pytest.approx(np.tan(np.deg2rad(20)), abs=0.02)


def test_crop_enlarges_what_is_left():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    found = corrupted(ramp, "crop", "a", 0.2).astype(int)
    assert found[0, -1] - found[0, 0] == pytest.approx(0.8 * 199, abs=2)


def test_borders_are_black_and_the_rest_is_as_it_was():
    white = np.full((100, 200), 255, np.uint8)
    found = corrupted(white, "borders", "a", 0.1)
    assert (found[10:90, 20:180] == 255).all() and found.sum() == 255 * 80 * 160


def test_a_marker_in_the_border_is_painted_over_and_the_rest_stays():
    picture = np.full((224, 224), 60, np.uint8)
    picture[100:108, 6:12] = 250  # a marker at the left edge
    picture[100:108, 110:116] = 250  # as bright, but in the middle
    picture[40:160, 200:218] = 250  # bright and at the edge, but larger than a letter
    found = corrupted(picture, "marker", "a", 0.1)
    assert np.abs(found[98:110, 4:14].astype(int) - 60).max() <= 3
    np.testing.assert_array_equal(found[:, 20:], picture[:, 20:])


def test_unknown_kinds_are_refused():
    with pytest.raises(CxrError, match="corruption='fog' is unknown; choose one of noise"):
        corrupted(SMOOTH, "fog", "a")
