"""What estimators see: gradients of known direction, pixels as they are, a frozen network's outputs."""

import numpy as np
import pytest

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import descriptors
from cxr_helpers.models import catalogue


def ramp(side: int = 128) -> np.ndarray:
    """Return an image that brightens from left to right and nowhere else."""
    return np.tile(np.arange(side, dtype="uint8"), (side, 1))


def blocks(image: np.ndarray) -> np.ndarray:
    return descriptors.hog(image[None])[0].reshape(7, 7, 2, 2, 9)


def test_a_ramp_has_all_its_gradients_in_one_direction():
    found = blocks(ramp())
    # Four equal cells of one direction each: L2 normalisation leaves 1/√4.
    np.testing.assert_allclose(found[1:-1, 1:-1, :, :, 0], 0.5, atol=1e-4)
    np.testing.assert_allclose(found[..., 1:], 0, atol=1e-6)


def test_a_turned_ramp_has_them_in_the_middle_direction():
    np.testing.assert_allclose(blocks(ramp().T)[1:-1, 1:-1, :, :, 4], 0.5, atol=1e-4)


def test_brightness_and_contrast_leave_the_gradients_directions():
    np.testing.assert_allclose(blocks(ramp() // 2 * 2 + 60), blocks(ramp() // 2), atol=1e-3)


@pytest.mark.parametrize("side", [64, 100, 128])
def test_hog_has_one_length_for_all_image_sizes(side):
    assert descriptors.hog(np.zeros((2, side, side), "uint8")).shape == (2, 1764)


def test_flat_pixels_are_rows_in_the_unit_interval():
    images = np.array([[[0, 51], [102, 255]]], "uint8")
    np.testing.assert_allclose(descriptors.flat(images), [[0, 0.2, 0.4, 1]])


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Three random images."""
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path))
    return np.random.default_rng(0).integers(0, 255, (3, 32, 32)).astype("uint8")


def test_hog_comes_without_a_network(images):
    found, note = descriptors.matrix(Config("svm", features="hog", size=32), "smoke", images, "abc")
    np.testing.assert_array_equal(found, descriptors.hog(images))
    assert note == "no network"


def test_network_features_are_the_frozen_networks_outputs_image_by_image(images, monkeypatch):
    build, built = catalogue.build, []
    monkeypatch.setattr(catalogue, "build", lambda config: built.append(build(config)) or built[-1])
    found, note = descriptors.matrix(Config("svm", features="mobilenet", size=32), "smoke", images, "abc")
    backbone, _ = catalogue.split(built[0][0])
    expected = backbone.predict_on_batch(np.repeat(images[..., None], 3, axis=-1).astype("float32"))
    assert found.shape == (3, 1024) and note == "random start"
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not any(layer.trainable_weights for layer in backbone.layers)


def test_unknown_features_are_refused_with_those_there_are():
    with pytest.raises(CxrError, match="features='sift' is unknown; choose one of hog, pca, .*mobilenetv2"):
        descriptors.matrix(Config("svm", features="sift"), "smoke", np.zeros((1, 8, 8), "uint8"), "abc")
