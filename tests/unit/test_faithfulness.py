"""Deletion, insertion and ROAD on a linear model, whose answers follow from its weights."""

import numpy as np
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.statistics import faithfulness

SIDE, GRID = 32, faithfulness.GRID  # cells of 2 × 2 pixels


def bright_corner():
    """Return an image with one white cell in the corner on black, and a map of it."""
    image = np.zeros((1, SIDE, SIDE), "float32")
    image[0, :2, :2] = 255
    return image, image / 255


def corner_score(images):
    """Score an image by the mean of its corner cell, 0..1."""
    return images[:, :2, :2].mean(axis=(1, 2)) / 255


def test_cells_stand_in_the_order_of_their_mean():
    maps = np.arange(SIDE * SIDE, dtype=float).reshape(1, SIDE, SIDE)
    order = faithfulness.order(maps)
    assert order[0, 0] == GRID * GRID - 1 and order[0, -1] == 0
    assert sorted(order[0]) == list(range(GRID * GRID))


def test_a_blank_map_orders_by_chance():
    order = faithfulness.order(np.zeros((2, SIDE, SIDE)))
    assert list(order[0]) != sorted(order[0]) and list(order[0]) != list(order[1])


def test_chosen_pixels_are_those_of_the_first_cells():
    order = faithfulness.order(bright_corner()[1])
    share = 1 / GRID**2
    mask = faithfulness.chosen(order, share, (1, SIDE, SIDE))
    assert mask.sum() == 4 and mask[0, :2, :2].all()


def test_deletion_of_a_linear_model_by_hand():
    image, heat = bright_corner()
    grey = image.mean()
    shares = (0, 1 / GRID**2, 1)
    right = faithfulness.deletion(corner_score, image, faithfulness.order(heat), shares)
    np.testing.assert_allclose(right, [[1, grey / 255, grey / 255]], rtol=1e-5)
    wrong = faithfulness.deletion(corner_score, image, faithfulness.order(heat)[:, ::-1], shares)
    np.testing.assert_allclose(wrong, [[1, 1, grey / 255]], rtol=1e-5)
    # Trapezoids: the right order falls at once, the wrong one at the very end.
    assert faithfulness.area(right, shares) < 0.01 < 0.49 < faithfulness.area(wrong, shares)


def test_insertion_of_a_linear_model_by_hand():
    image, heat = bright_corner()
    shares = (0, 1 / GRID**2, 1)
    right = faithfulness.insertion(corner_score, image, faithfulness.order(heat), shares)
    assert right[0, 0] < 0.5 and right[0, 1] == right[0, 2] == 1
    assert faithfulness.insertion(corner_score, image, faithfulness.order(heat)[:, ::-1], shares)[0, 1] == right[0, 0]


def test_road_prefers_the_right_order_and_turns_its_sign_for_the_wrong_one():
    image, heat = bright_corner()
    right = faithfulness.road(corner_score, image, faithfulness.order(heat))
    assert right[0] == pytest.approx(1, abs=0.05)  # the corner is taken last or first, whatever the share
    assert faithfulness.road(corner_score, image, faithfulness.order(-heat))[0] == pytest.approx(-right[0], abs=0.05)


def test_imputation_reproduces_a_linear_ramp():
    y, x = np.mgrid[:20, :24].astype("float32")
    image = 3 * x + 2 * y + 10
    missing = np.zeros(image.shape, bool)
    missing[5:12, 4:15] = True
    missing[14, 18:20] = True
    holed = np.where(missing, 0, image)
    np.testing.assert_allclose(faithfulness.imputed(holed, missing), image, rtol=1e-5)
    assert holed[5, 5] == 0  # the image that was given stays as it is


def test_one_missing_pixel_is_the_weighted_mean_of_its_neighbours():
    image = np.array([[1, 2, 3], [4, 0, 5], [6, 7, 8]], "float32")
    centre = np.zeros((3, 3), bool)
    centre[1, 1] = True
    assert faithfulness.imputed(image, centre)[1, 1] == pytest.approx((2 + 4 + 5 + 7) / 6 + (1 + 3 + 6 + 8) / 12)
    corner = np.zeros((3, 3), bool)
    corner[0, 0] = True  # of its three neighbours the direct ones count twice
    assert faithfulness.imputed(image, corner)[0, 0] == pytest.approx((2 * 2 + 2 * 4 + 0) / 5)


def test_a_image_without_a_known_pixel_is_refused():
    with pytest.raises(CxrError, match="leave some"):
        faithfulness.imputed(np.ones((4, 4)), np.ones((4, 4), bool))
