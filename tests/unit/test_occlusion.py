"""Occlusion of linear models: the fall of the log-odds is the sum of weight × (image - blurred image) over a square."""

import numpy as np
import pytest
from tiny_models import linear

from cxr_helpers.extras.saliency import methods, shap_maps
from cxr_helpers.extras.saliency.occlusion import hidden_log_odds, occlusion, squares

RANDOM = np.random.default_rng(0)


def test_squares_lie_half_over_each_other_and_cover_the_image():
    masks = squares((14, 28))  # 2 × 4 pixels, steps of 1 and 2
    assert masks.shape == (13 * 13, 14, 28) and set(masks.sum(axis=(1, 2))) == {8}
    assert masks.any(axis=0).all() and masks[0, :2, :4].all() and masks[-1, -2:, -4:].all()
    assert squares((15, 15))[:, -1, -1].any()  # the last square reaches the edge where steps do not


def test_fall_of_a_linear_model_is_the_sum_over_the_square():
    image, weights = RANDOM.integers(0, 256, (1, 14, 14)).astype("uint8"), RANDOM.normal(0, 0.01, (14, 14))
    gain = weights * (image[0].astype("float64") - shap_maps.blurred(image[0].astype("float32")))
    inner = [gain[top : top + 2, left : left + 2].sum() for top in (4, 5) for left in (6, 7)]  # the squares over (5, 7)
    found = occlusion(linear(weights), image, +1)
    assert found.dtype == np.float32 and found[0, 5, 7] == pytest.approx(np.mean(inner), abs=1e-4)
    assert found[0, 0, 0] == pytest.approx(gain[:2, :2].sum(), abs=1e-4)
    np.testing.assert_array_equal(occlusion(linear(weights), image, -1), -found)


def test_hidden_pixels_are_blurred_and_others_stay(monkeypatch):
    image = RANDOM.integers(0, 256, (4, 4)).astype("float32")
    hidden = np.zeros((1, 4, 4), bool)
    hidden[0, 1, 2] = True
    seen = []
    monkeypatch.setattr(methods, "log_odds", lambda network, images: seen.append(images) or np.zeros(len(images)))
    hidden_log_odds(None, image, hidden)
    assert (seen[0][0] != image).sum() == 1 and seen[0][0, 1, 2] == shap_maps.blurred(image)[1, 2]
    # Half the image's side is the least box, 2 pixels; OpenCV's box of 2 ends at the pixel.
    assert shap_maps.blurred(image)[1, 2] == pytest.approx(image[0:2, 1:3].mean())
