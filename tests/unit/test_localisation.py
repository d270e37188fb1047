"""Localisation measures against maps whose answer is known."""

import numpy as np
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.statistics import localisation as l10n

SIDE = 64
MASK = np.zeros((1, SIDE, SIDE), bool)
MASK[0, 16:32, 16:32] = True  # a sixteenth of the image
SHARE = 1 / 16
EVERYWHERE = np.ones(MASK.shape, bool)


def test_a_map_equal_to_the_mask_is_perfect():
    maps = 7.0 * MASK
    assert l10n.pointing_game(maps, MASK) == l10n.iou(maps, MASK, SHARE) == l10n.precision_recall_area(maps, MASK) == 1
    assert l10n.energy_over_area(maps, MASK, EVERYWHERE) == pytest.approx(1 / SHARE)


def test_a_uniform_map_is_chance():
    maps = np.full(MASK.shape, 0.3)
    assert l10n.energy_over_area(maps, MASK, EVERYWHERE) == pytest.approx(1)
    assert l10n.iou(maps, MASK, 0.1) == l10n.precision_recall_area(maps, MASK) == pytest.approx(SHARE)
    assert l10n.pointing_game(maps, MASK, tolerance=0) == pytest.approx(SHARE)


def test_a_blank_map_finds_nothing():
    blank = np.zeros(MASK.shape)
    assert l10n.pointing_game(blank, MASK) == l10n.iou(blank, MASK, 0.5) == l10n.precision_recall_area(blank, MASK) == 0
    assert l10n.energy_over_area(blank, MASK, EVERYWHERE) == 0


def test_energy_within_a_region_ignores_what_lies_outside_of_it():
    within = np.zeros(MASK.shape, bool)
    within[0, 16:48, 16:48] = True  # the mask is a quarter of it
    maps = np.where(MASK, 3.0, 1.0)
    maps[~within] = 100
    assert l10n.energy_over_area(maps, MASK, within) == pytest.approx(4 * 3 / (3 + 3))
    assert np.isnan(l10n.energy_over_area(maps, MASK, ~within & ~MASK))


def test_values_worked_out_by_hand():
    maps = np.zeros(MASK.shape)
    maps[0, 16:32, 16:24] = 1  # the left half of the mask
    maps[0, 40:48, 40:56] = 0.5  # as many pixels outside
    assert l10n.iou(maps, MASK, 128 / SIDE**2) == pytest.approx(128 / 256)
    assert l10n.iou(maps, MASK, 256 / SIDE**2) == pytest.approx(128 / (256 + 128))
    # Half of the mask at precision 1; the rest only with all pixels, at the mask's share.
    assert l10n.precision_recall_area(maps, MASK) == pytest.approx(0.5 + 0.5 * SHARE)


def test_a_peak_just_outside_hits_within_the_tolerance_only():
    maps = np.zeros(MASK.shape)
    maps[0, 20, 33] = 1  # two columns beyond the last of the mask
    assert l10n.pointing_game(maps, MASK, tolerance=2 / SIDE) == 1
    assert l10n.pointing_game(maps, MASK, tolerance=1 / SIDE) == 0
    assert l10n.TOLERANCE * SIDE == 2


def test_the_share_is_chosen_on_other_patients():
    curves = np.zeros((4, len(l10n.SHARES)))
    curves[:2, 0], curves[2:, 1] = 1, 0.5  # patient p is best at the first share, patient q at the second
    curves[:2, 1] = 0.2
    np.testing.assert_allclose(l10n.chosen_iou(curves, np.array(["p", "p", "q", "q"])), [0.2, 0.2, 0, 0])
    assert np.isnan(l10n.chosen_iou(curves, np.array(["p"] * 4))).all()


@pytest.mark.parametrize(
    ("maps", "masks", "message"),
    [
        (np.ones((1, 8, 8)), np.ones((1, 9, 9), bool), "differ"),
        (np.full((1, 8, 8), np.nan), np.ones((1, 8, 8), bool), "negative values, NaN"),
        (-np.ones((1, 8, 8)), np.ones((1, 8, 8), bool), "negative values, NaN"),
        (np.ones((1, 8, 8)), np.zeros((1, 8, 8), bool), "one of them is empty"),
    ],
)
def test_what_cannot_be_measured_is_refused(maps, masks, message):
    for measure in (l10n.pointing_game, l10n.precision_recall_area):
        with pytest.raises(CxrError, match=message):
            measure(maps, masks)
