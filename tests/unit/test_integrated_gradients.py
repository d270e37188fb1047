"""Integrated Gradients of functions whose integral is known by hand; the sum of a map is what the image has over black."""

import keras
import numpy as np
import pytest
from tiny_models import SIDE, detector, two_blobs

from cxr_helpers.errors import CxrError
from cxr_helpers.explain.gradcam import log_odds_model
from cxr_helpers.extras.saliency import integrated_gradients as module
from cxr_helpers.extras.saliency import methods
from cxr_helpers.extras.saliency.integrated_gradients import integrated_gradients


class Product(keras.layers.Layer):
    """The product of the two halves of a row: (N, 2) → (N, 1)."""

    def call(self, pixels):
        """Return the product."""
        return pixels[:, :1] * pixels[:, 1:]


def product_model() -> keras.Model:
    """Return a classifier of 1×2 images whose log-odds are p × q / 10,000."""
    inputs = keras.Input((1, 2, 1))
    product = Product()(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(product))
    model.layers[-1].set_weights([np.full((1, 1), 1e-4), np.zeros(1)])
    return model


def test_a_product_is_shared_equally():
    # The gradient by p at t × image is t q, so that each pixel gets p q / 2; gradient × input would give p q to each.
    image = np.array([[[100, 200]]], "uint8")
    np.testing.assert_allclose(integrated_gradients(product_model(), image, +1), [[[1.0, 1.0]]], rtol=1e-5)
    np.testing.assert_allclose(integrated_gradients(product_model(), image, -1), [[[-1.0, -1.0]]], rtol=1e-5)


def test_map_is_complete_where_units_switch_on_the_way():
    model, images = detector(bias=0.7), np.stack([two_blobs(), two_blobs()[::-1]])
    maps = integrated_gradients(model, images, +1)
    network = log_odds_model(model)
    owed = methods.log_odds(network, images) - methods.log_odds(network, np.zeros_like(images))
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), owed, rtol=0.02)
    assert maps.shape == (2, SIDE, SIDE) and maps[0, 22:26, 18:22].max() == 0  # black pixels get nothing


def test_a_way_with_too_few_steps_is_refused(monkeypatch):
    monkeypatch.setattr(module, "TOLERANCE", 0.0)
    with pytest.raises(CxrError, match="after 1024 steps"):
        integrated_gradients(detector(), two_blobs()[None], +1)
