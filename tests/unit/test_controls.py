"""Control maps: what each marks."""

import numpy as np
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.saliency import controls

IMAGES = np.zeros((2, 64, 48), "float32")
IMAGES[:, :, 24:] = 200  # an edge down the middle


@pytest.mark.parametrize("name", controls.TITLES)
def test_every_control_is_a_map_of_every_image(name):
    maps = controls.maps(name, IMAGES)
    assert maps.shape == IMAGES.shape and maps.dtype == np.float32
    assert 0 <= maps.min() and maps.max() <= 1


def test_what_each_marks():
    assert np.unique(controls.maps("uniform", IMAGES)).tolist() == [1]
    centre = controls.maps("centre", IMAGES)[0]
    assert np.unravel_index(centre.argmax(), centre.shape) in [(31, 23), (32, 24), (31, 24), (32, 23)]
    assert centre[32, 24 + 12] == pytest.approx(np.exp(-0.5), abs=0.05)  # a quarter of the width from the centre
    edges = controls.maps("edges", IMAGES)[0]
    assert set(edges.argmax(axis=1)) <= {23, 24} and edges[:, :12].max() == 0


def test_random_maps_follow_their_seed():
    assert (controls.maps("random", IMAGES, seed=3) == controls.maps("random", IMAGES, seed=3)).all()
    assert (controls.maps("random", IMAGES, seed=3) != controls.maps("random", IMAGES, seed=4)).any()


def test_a_blank_image_has_no_edges():
    assert not controls.maps("edges", np.full((1, 32, 32), 90, "float32")).any()


def test_an_unknown_control_is_refused():
    with pytest.raises(CxrError, match="'centr' is unknown; choose one of random"):
        controls.maps("centr", IMAGES)
