"""LIME of a linear model: a region's weight is its sum of weight × (image - blurred image)."""

import numpy as np
import pytest
from tiny_models import linear

from cxr_helpers.extras.saliency import shap_maps
from cxr_helpers.extras.saliency.lime import lime, regions

RANDOM = np.random.default_rng(0)


def test_weights_of_a_linear_model_are_the_sums_over_its_regions():
    image, weights = RANDOM.integers(0, 256, (1, 16, 16)).astype("uint8"), RANDOM.normal(0, 0.01, (16, 16))
    region = regions(image[0].astype("float32"))
    gain = weights * (image[0].astype("float64") - shap_maps.blurred(image[0].astype("float32")))
    found = lime(linear(weights), image, +1)
    assert found.dtype == np.float32 and region.max() > 5
    owed = np.bincount(region.ravel(), gain.ravel())
    np.testing.assert_allclose(np.bincount(region.ravel(), found[0].ravel()), owed, atol=2e-3)
    np.testing.assert_array_equal(found, lime(linear(weights), image, +1))
    np.testing.assert_array_equal(-found, lime(linear(weights), image, -1))


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_regions_follow_the_image_and_count_from_zero():
    image = np.zeros((32, 32), "float32")
    image[:, 13:] = 250
    region = regions(image)
    assert set(np.unique(region)) == set(range(region.max() + 1)) and 30 < region.max() < 100
    assert not set(region[:, :13].ravel()) & set(region[:, 13:].ravel())
    assert regions(np.zeros((32, 32), "float32")).max() > 30  # an even image falls into squares
