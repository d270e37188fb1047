"""Similarity of maps that are the same, reversed, or nothing."""

import numpy as np
import pytest

from cxr_helpers.extras.statistics import map_similarity

RISING = np.tile(np.arange(64.0), (64, 1))[None]


@pytest.mark.parametrize("compare", map_similarity.MEASURES.values())
def test_a_map_is_itself_whatever_its_scale(compare):
    small = map_similarity.small(RISING)
    assert compare(small, 3 * small) == pytest.approx(1)


def test_small_maps_are_means_of_sizes():
    small = map_similarity.small(np.where(RISING < 32, -RISING, RISING))
    assert small.shape == (1, 32, 32)
    np.testing.assert_allclose(small[0, 0], 2 * np.arange(32) + 0.5)


def test_a_reversed_map_has_the_opposite_ranks():
    small = map_similarity.small(RISING)
    assert map_similarity.rank_correlation(small, small[:, :, ::-1]) == pytest.approx(-1)
    assert map_similarity.ssim(small, small[:, :, ::-1]) < 0.5


def test_maps_of_unrelated_noise_are_not_alike():
    one, other = np.random.default_rng(0).random((2, 4, 32, 32), dtype="float32")
    assert abs(map_similarity.rank_correlation(one, other)).max() < 0.15
    assert abs(map_similarity.ssim(one, other)).max() < 0.15


def test_blank_maps_agree_in_nothing_by_rank():
    blank, rising = np.zeros((1, 32, 32), "float32"), map_similarity.small(RISING)
    assert map_similarity.rank_correlation(blank, rising) == map_similarity.rank_correlation(blank, blank) == 0
    assert map_similarity.ssim(blank, blank) == 1 and map_similarity.ssim(blank, rising) < 0.5
