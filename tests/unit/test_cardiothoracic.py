"""Size and shape of lungs and heart, worked out by hand on rectangles."""

import numpy as np
import pytest

from cxr_helpers.extras.other_sets import synthetic
from cxr_helpers.extras.statistics import cardiothoracic


def rectangles(*boxes, shape=(50, 100)):
    """Return a mask of filled boxes (top, bottom, left, right), the ends excluded."""
    mask = np.zeros(shape, bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


RIGHT, LEFT = (10, 40, 10, 40), (10, 30, 60, 90)  # 900 and 600 pixels; the outer rims are 80 columns apart
HEART = (20, 40, 45, 65)


def test_every_figure_of_two_lungs_and_a_heart():
    found = cardiothoracic.measure(rectangles(RIGHT, LEFT), rectangles(HEART))
    expected = {
        "lung_parts": 2,
        "lung_area": 1500 / 5000,
        "lung_height": 30 / 50,
        "lung_asymmetry": (900 - 600) / 1500,
        "heart_area": 400 / 5000,
        "heart_width": 20 / 100,
        "thoracic_width": 80 / 100,
        "cardiothoracic_ratio": 20 / 80,
    }
    assert found == pytest.approx(expected)


def test_the_thorax_is_measured_in_one_row():
    lower_left = (35, 45, 70, 95)  # reaches further out, but only below where the right lung ends at 40
    found = cardiothoracic.measure(rectangles(RIGHT, lower_left), rectangles(HEART))
    assert found["thoracic_width"] == (95 - 10) / 100  # rows 35 to 39 hold both
    apart = cardiothoracic.measure(rectangles((0, 20, 10, 40), (30, 49, 60, 95)), rectangles(HEART))
    assert apart["thoracic_width"] == 35 / 100  # no row holds both lungs: the wider one alone


def test_the_ratio_does_not_depend_on_size_or_aspect():
    lungs, heart = rectangles(RIGHT, LEFT), rectangles(HEART)
    plain = cardiothoracic.measure(lungs, heart)
    stretched = cardiothoracic.measure(*(np.repeat(np.repeat(mask, 3, axis=0), 2, axis=1) for mask in (lungs, heart)))
    assert stretched == pytest.approx(plain)


def test_fragments_do_not_count():
    speck = (0, 3, 0, 3)
    found = cardiothoracic.measure(rectangles(RIGHT, LEFT, speck), rectangles(HEART, (45, 50, 90, 99)))
    assert found == cardiothoracic.measure(rectangles(RIGHT, LEFT), rectangles(HEART))
    assert cardiothoracic.measure(rectangles(RIGHT, speck), rectangles(HEART))["lung_parts"] == 1


def test_one_lung_or_lungs_grown_together_have_no_ratio():
    for lungs in (rectangles(RIGHT), rectangles(RIGHT, LEFT, (15, 20, 40, 60))):
        found = cardiothoracic.measure(lungs, rectangles(HEART))
        assert found["lung_parts"] == 1 and found["lung_area"] == lungs.mean() and found["heart_width"] == 0.2
        assert np.isnan([found[name] for name in ("lung_asymmetry", "thoracic_width", "cardiothoracic_ratio")]).all()


def test_empty_masks_give_nan():
    nothing = rectangles()
    found = cardiothoracic.measure(nothing, nothing)
    assert found.pop("lung_parts") == 0 and np.isnan(list(found.values())).all()
    without_heart = cardiothoracic.measure(rectangles(RIGHT, LEFT), nothing)
    assert without_heart["thoracic_width"] == 0.8
    assert np.isnan([without_heart[name] for name in ("heart_area", "heart_width", "cardiothoracic_ratio")]).all()


def test_components_come_largest_first():
    parts = cardiothoracic.components(rectangles(LEFT, RIGHT, (45, 47, 0, 2)), 2)
    assert [part.sum() for part in parts] == [900, 600]
    assert cardiothoracic.components(rectangles(), 2) == []


def test_a_synthetic_image_has_plausible_figures():
    image = synthetic.image(0, "NORMAL")
    found = cardiothoracic.measure(image.lung_mask, image.heart_mask)
    assert found["lung_parts"] == 2 and abs(found["lung_asymmetry"]) < 0.2
    assert 0.25 < found["cardiothoracic_ratio"] < 0.45
