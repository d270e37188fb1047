"""SmoothGrad of a quadratic and of a kink, where the mean gradient over Gaussian noise is known."""

import keras
import numpy as np
import pytest
from scipy.stats import norm
from tiny_models import linear

from cxr_helpers.extras.saliency import smoothgrad as module
from cxr_helpers.extras.saliency.pixel_gradients import gradient_input
from cxr_helpers.extras.saliency.smoothgrad import smoothgrad


def kinked(at: float) -> keras.Model:
    """Return a classifier of 1×2 images whose log-odds are max(0, first pixel - `at`) / 100."""
    inputs = keras.Input((1, 2, 1))
    hidden = keras.layers.Dense(1, activation="relu", name="kink")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.get_layer("kink").set_weights([np.array([[1.0], [0.0]]), np.array([-at])])
    model.layers[-1].set_weights([np.array([[0.01]]), np.zeros(1)])
    return model


def test_a_kink_is_smoothed_by_the_share_of_noise_beyond_it(monkeypatch):
    monkeypatch.setattr(module, "SAMPLES", 4000)
    image = np.array([[[100, 200]]], "uint8")  # range 100, so that the noise has deviation 15
    expected = 0.01 * norm.sf((110 - 100) / 15) * 100  # gradient × share above the kink × grey value
    assert gradient_input(kinked(110), image, +1)[0, 0, 0] == 0
    assert smoothgrad(kinked(110), image, +1)[0, 0] == pytest.approx([expected, 0], rel=0.1)


def test_a_image_is_explained_by_itself_and_the_same_each_time():
    images = np.array([[[100, 200]], [[50, 250]]], "uint8")
    both = smoothgrad(kinked(110), images, np.array([+1, -1]))
    np.testing.assert_array_equal(both[0], smoothgrad(kinked(110), images[:1], +1)[0])
    np.testing.assert_array_equal(both[1], smoothgrad(kinked(110), images[1:], -1)[0])


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_an_even_image_has_no_noise():
    image = np.full((1, 2, 2), 100, "uint8")
    np.testing.assert_allclose(smoothgrad(linear(np.full((2, 2), 0.01)), image, +1), np.ones((1, 2, 2)), rtol=1e-6)
