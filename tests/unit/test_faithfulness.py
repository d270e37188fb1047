"""ROAD on a linear model, whose answers follow from its weights."""

import numpy as np
import pytest

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


def test_road_prefers_the_right_order_and_turns_its_sign_for_the_wrong_one():
    image, heat = bright_corner()
    right = faithfulness.road(corner_score, image, faithfulness.order(heat))
    assert right[0] == pytest.approx(1, abs=0.05)  # the corner is taken last or first, whatever the share
    assert faithfulness.road(corner_score, image, faithfulness.order(-heat))[0] == pytest.approx(-right[0], abs=0.05)
