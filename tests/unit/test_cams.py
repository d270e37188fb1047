"""Grad-CAM's relatives: weights worked out by hand, and the same maps however a network is built."""

import keras
import numpy as np
import pytest
from tiny_models import GREY, SIDE, WHITE, detector, linear, two_blobs

from cxr_helpers.errors import CxrError
from cxr_helpers.explain.gradcam import gradcam
from cxr_helpers.extras.saliency.gradcam_plusplus import gradcam_plusplus, weigh
from cxr_helpers.extras.saliency.hirescam import hirescam
from cxr_helpers.extras.saliency.layercam import layercam

FAMILY = [gradcam, gradcam_plusplus, hirescam, layercam]


def scored(kernel: np.ndarray, positions: np.ndarray) -> keras.Model:
    """Return a classifier of 2×2 images: 1×1 filters (channels,), then log-odds = sum of `positions` (2, 2, channels) × map."""
    inputs = keras.Input((2, 2, 1))
    maps = keras.layers.Conv2D(len(kernel), 1, name="maps")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(maps)))
    model.get_layer("maps").set_weights([np.reshape(kernel, (1, 1, 1, -1)), np.zeros(len(kernel))])
    model.layers[-1].set_weights([positions.reshape(-1, 1), np.zeros(1)])
    return model


IMAGE = np.array([[[1, 2], [3, 4]]], "uint8")
# Two maps, A1 = image and A2 = 2 × image, with the gradients that the last layer gives each of their places.
MODEL = scored(np.array([1.0, 2.0]), np.stack([[[0.1, -0.3], [0.0, 0.4]], [[-0.1, 0.1], [0.1, -0.2]]], axis=-1))


def by_hand(coarse: list) -> np.ndarray:
    return np.maximum(coarse, 0) / np.max(coarse)


EXPECTED = {
    # Means of the gradients: 0.05 and -0.025; 0.05 × image - 0.025 × 2 × image is 0 everywhere.
    "gradcam": np.zeros((2, 2)),
    "hirescam": by_hand([[0.1 - 0.2, -0.6 + 0.4], [0 + 0.6, 1.6 - 1.6]]),
    "layercam": by_hand([[0.1, 0.4], [0.6, 1.6]]),
    # Sums of the maps: 10 and 20. The weights are sums of g / (2 + sum × g) over positive g; the map is their sum × image.
    "gradcam_plusplus": by_hand((0.1 / 3 + 0.4 / 6 + 2 * (0.1 / 4 + 0.1 / 4)) * np.array([[1, 2], [3, 4]])),
}


@pytest.mark.parametrize("method", FAMILY, ids=lambda method: method.__name__)
def test_map_is_what_the_formula_says(method):
    np.testing.assert_allclose(method(MODEL, IMAGE, +1)[0], EXPECTED[method.__name__], atol=1e-6)


def test_weights_of_gradcam_plusplus():
    # Alone, the second map must show through its own weight: places with negative gradients do not count.
    slopes, maps = np.zeros((1, 1, 3, 2), "float32"), np.zeros((1, 1, 3, 2), "float32")
    slopes[0, 0, :, 0], slopes[0, 0, :, 1] = (0.5, -4.0, 0.25), (-1.0, 0.5, 0.0)
    maps[0, 0, :, 0], maps[0, 0, :, 1] = (1.0, 1.0, 2.0), (-3.0, -1.0, 0.0)
    # Sums 4 and -4. First: 0.5 / (2 + 2) + 0.25 / (2 + 1). Second: 0.5 / (2 - 2) has no value and counts 0.
    weight = 0.5 / 4 + 0.25 / 3
    np.testing.assert_allclose(weigh(maps, slopes)[0, 0], weight * maps[0, 0, :, 0], rtol=1e-6)


@pytest.mark.parametrize("method", FAMILY, ids=lambda method: method.__name__)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_each_finds_the_blob_that_speaks_for_the_target(method):
    images = np.stack([two_blobs(), np.full((SIDE, SIDE), GREY, "uint8")])
    bright, dark = method(detector(), images, +1), method(detector(units=2), images, -1)
    assert bright.dtype == np.float32 and bright[0].max() == dark[0].max() == 1 and bright.min() == dark.min() == 0
    assert bright[0, 6:10, 6:10].min() > 0.9 and bright[0, 14:].max() == 0
    assert dark[0, 22:26, 18:22].min() > 0.9 and dark[0, :18].max() == 0
    assert bright.any(axis=(1, 2)).tolist() == dark.any(axis=(1, 2)).tolist() == [True, False]


@pytest.mark.parametrize("method", FAMILY, ids=lambda method: method.__name__)
def test_new_weights_of_a_model_are_seen(method):
    model, image = detector(), two_blobs()[None]
    first = method(model, image, +1)
    model.get_layer("probability").set_weights([np.array([[-3.0], [3.0]]), np.zeros(1)])
    np.testing.assert_allclose(method(model, image, -1), first, atol=1e-6)


@pytest.mark.parametrize("method", FAMILY, ids=lambda method: method.__name__)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_dead_layer_is_blank_and_broken_ones_are_refused(method):
    image = np.full((1, SIDE, SIDE), WHITE, "uint8")
    dead = detector()
    dead.get_layer("filters").set_weights([np.zeros((1, 1, 1, 2)), np.full(2, -1.0)])
    assert not method(dead, image, +1).any()
    broken = detector()
    broken.get_layer("filters").set_weights([np.full((1, 1, 1, 2), np.nan), np.zeros(2)])
    with pytest.raises(CxrError, match="NaN"):
        method(broken, image, +1)
    with pytest.raises(CxrError, match="need a convolution"):
        method(linear(np.ones((SIDE, SIDE))), image, +1)
