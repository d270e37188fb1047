"""Localisation measures against maps whose answer is known."""

import numpy as np
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.statistics import localisation as l10n

SIDE = 64
MASK = np.zeros((1, SIDE, SIDE), bool)
MASK[0, 16:32, 16:32] = True  # a sixteenth of the image
SHARE = 1 / 16


def test_a_map_equal_to_the_mask_is_perfect():
    maps = 7.0 * MASK
    assert l10n.pointing_game(maps, MASK) == l10n.iou(maps, MASK) == l10n.energy_inside(maps, MASK) == 1


def test_a_uniform_map_has_the_areas_share():
    maps = np.full(MASK.shape, 0.3)
    assert l10n.energy_inside(maps, MASK) == pytest.approx(SHARE)
    assert l10n.iou(maps, MASK) == pytest.approx(SHARE)
    assert l10n.pointing_game(maps, MASK, tolerance=0) == pytest.approx(SHARE)


def test_a_blank_map_finds_nothing():
    blank = np.zeros(MASK.shape)
    assert l10n.pointing_game(blank, MASK) == l10n.iou(blank, MASK) == l10n.energy_inside(blank, MASK) == 0


def test_values_worked_out_by_hand():
    maps = np.zeros(MASK.shape)
    maps[0, 16:32, 16:24] = 1  # the left half of the mask
    maps[0, 40:44, 40:44] = 0.6  # 16 pixels outside, above one half of the peak
    maps[0, 60, 60] = 0.4  # below it
    assert l10n.iou(maps, MASK) == pytest.approx(128 / (256 + 16))
    assert l10n.iou(maps, MASK, 0.7) == pytest.approx(128 / 256)
    assert l10n.energy_inside(maps, MASK) == pytest.approx(128 / (128 + 9.6 + 0.4))


def test_a_peak_just_outside_hits_within_the_tolerance_only():
    maps = np.zeros(MASK.shape)
    maps[0, 20, 33] = 1  # two columns beyond the last of the mask
    assert l10n.pointing_game(maps, MASK, tolerance=2 / SIDE) == 1
    assert l10n.pointing_game(maps, MASK, tolerance=1 / SIDE) == 0
    assert l10n.TOLERANCE * SIDE == 2


def test_the_mean_map_weighs_all_images_alike():
    maps = np.stack([10.0 * MASK[0], 1.0 * ~MASK[0]])
    mean = l10n.mean_map(maps)
    assert mean.shape == maps.shape and mean[0].sum() == pytest.approx(1)
    assert l10n.energy_inside(mean, np.repeat(MASK, 2, axis=0)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("maps", "masks", "words"),
    [
        (np.ones((1, 8, 8)), MASK, "differ"),
        (-1.0 * MASK, MASK, "negative"),
        (np.full(MASK.shape, np.nan), MASK, "NaN"),
        (1.0 * MASK, np.zeros_like(MASK), "empty"),
    ],
)
def test_what_cannot_be_measured_is_refused(maps, masks, words):
    with pytest.raises(CxrError, match=words):
        l10n.energy_inside(maps, masks)
