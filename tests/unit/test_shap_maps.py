"""SHAP maps of linear models, for which the value of a pixel is weight × (pixel - blurred pixel)."""

import numpy as np
import pytest
from tiny_models import GREY, SIDE, WHITE, detector, linear, two_blobs

from cxr_helpers.errors import CxrError
from cxr_helpers.explain import gradcam
from cxr_helpers.extras.saliency import methods, shap_gradients, shap_maps

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (2, 4, 4)).astype("uint8")
WEIGHTS = RANDOM.normal(0, 0.01, (4, 4))
EXPECTED = np.stack([WEIGHTS * (image - shap_maps.blurred(image)) for image in IMAGES.astype("float32")])


def test_partition_of_a_linear_model_is_weight_times_difference():
    before = IMAGES.copy()
    maps = shap_maps.partition(linear(WEIGHTS), IMAGES, +1, evaluations=800)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, EXPECTED, atol=1e-4)
    np.testing.assert_array_equal(IMAGES, before)


def test_partition_with_few_evaluations_still_sums_to_the_difference():
    maps = shap_maps.partition(linear(WEIGHTS), IMAGES, +1, evaluations=20)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), EXPECTED.sum(axis=(1, 2)), atol=1e-4)
    assert not np.allclose(maps, EXPECTED, atol=1e-4)


def test_target_turns_the_sign():
    model = linear(WEIGHTS)
    up, down = (shap_maps.partition(model, IMAGES, target, evaluations=20) for target in (+1, np.array([-1, +1])))
    np.testing.assert_array_equal(down, up * np.array([-1, 1])[:, None, None])


def test_gradients_of_a_linear_model_are_weight_times_difference():
    maps = shap_gradients.gradients(linear(WEIGHTS), IMAGES, +1)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, EXPECTED, atol=1e-4)
    np.testing.assert_array_equal(shap_gradients.gradients(linear(WEIGHTS), IMAGES, -1), -maps)


def halves() -> tuple:
    """Return a detector that sees only what is nearly white, or black, and two images with a bright half."""
    model, images = detector(), np.full((2, SIDE, SIDE), GREY, "uint8")
    kernel, _ = model.get_layer("filters").get_weights()
    model.get_layer("filters").set_weights([kernel, np.full(2, -0.8)])
    images[0, :, 16:] = images[1, :10] = WHITE
    return model, images


def test_sampled_gradients_sum_to_about_the_difference():
    model, images = halves()
    network = gradcam.log_odds_model(model)
    base = methods.log_odds(network, np.stack([shap_maps.blurred(image) for image in images.astype("float32")]))
    owed = methods.log_odds(network, images) - base
    assert owed.min() > 0.04
    maps = shap_gradients.gradients(model, images, +1)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), owed, rtol=0.2)
    np.testing.assert_array_equal(maps[1:], shap_gradients.gradients(model, images[1:], +1))  # each image by itself


def test_sampled_gradients_that_miss_by_more_than_their_error_are_refused(monkeypatch):
    monkeypatch.setattr(shap_gradients, "SIGMAS", 0)
    monkeypatch.setattr(shap_maps, "TOLERANCE", 0)
    model, images = halves()
    with pytest.raises(CxrError, match="sum to"):
        shap_gradients.gradients(model, images, +1)


@pytest.mark.parametrize("channels", [1, 3])
def test_bright_blob_speaks_for_pneumonia_and_dark_one_against(channels):
    model = detector(channels=channels)
    kernel, _ = model.get_layer("filters").get_weights()
    model.get_layer("filters").set_weights([kernel, np.full(2, -0.5)])  # blurred blobs pass unseen
    values = shap_maps.partition(model, two_blobs()[None], gradcam.PNEUMONIA, evaluations=200)[0]
    assert values.shape == (SIDE, SIDE)
    assert values[6:10, 6:10].sum() > 0 > values[22:26, 18:22].sum()


def test_values_that_do_not_add_up_are_refused(monkeypatch):
    counter = iter(np.arange(1e4) ** 2)
    monkeypatch.setattr(methods, "log_odds", lambda _, images: np.array([next(counter) for _ in images], float))
    with pytest.raises(CxrError, match="sum to"):
        shap_maps.partition(linear(WEIGHTS), IMAGES[:1], +1, evaluations=20)


def test_colour_images_are_refused():
    with pytest.raises(CxrError, match="not grayscale"):
        shap_maps.partition(linear(WEIGHTS), IMAGES[..., None], +1)
