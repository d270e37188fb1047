"""All methods under one signature: a linear model by hand, every kind of network, nothing changed, bad input."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from tiny_models import GREY, SIDE, detector, linear, two_blobs

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import gradcam
from cxr_helpers.extras.saliency import lime, methods, occlusion, shap_maps

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
CAMS = ("gradcam", "gradcam_plusplus", "hirescam", "layercam")
OTHERS = tuple(name for name in methods.found() if name not in CAMS)
RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(1, 256, (1, 8, 8)).astype("uint8")
WEIGHTS = RANDOM.normal(0, 0.01, (8, 8))
GAIN = WEIGHTS * (IMAGE[0].astype("float64") - shap_maps.blurred(IMAGE[0].astype("float32")))  # over the blurred image


def over_regions(values: np.ndarray, region: np.ndarray) -> np.ndarray:
    return np.bincount(region.ravel(), values.ravel())


@pytest.mark.parametrize("name", OTHERS)
def test_linear_model_is_explained_by_its_weights(name):
    found = methods.maps(name, linear(WEIGHTS), IMAGE, +1)[0]
    if name in ("gradient_input", "integrated_gradients", "smoothgrad"):
        np.testing.assert_allclose(found, WEIGHTS * IMAGE[0], atol=1e-5)
    elif name in ("shap_gradient", "shap_partition"):
        quarters = np.kron([[0, 1], [2, 3]], np.ones((4, 4), int))
        np.testing.assert_allclose(over_regions(found, quarters), over_regions(GAIN, quarters), atol=1e-3)
    elif name == "lime":
        region = lime.regions(IMAGE[0].astype("float32"))
        np.testing.assert_allclose(over_regions(found, region), over_regions(GAIN, region), atol=2e-3)
    else:
        assert occlusion.squares((8, 8)).sum(axis=(1, 2)).max() == 1  # of 8 pixels a seventh is one
        np.testing.assert_allclose(found, GAIN, atol=1e-4)


@pytest.mark.parametrize("name", methods.found())
def test_neither_model_nor_images_are_changed(name):
    model, images = detector(units=2, channels=3), np.stack([two_blobs(), two_blobs()[::-1]])
    model.layers[1].trainable = False
    config, weights, before = model.to_json(), [w.copy() for w in model.get_weights()], images.copy()
    found = methods.maps(name, model, images, -1)
    assert found.shape == images.shape and found.dtype == np.float32
    assert (found.min() < 0) == methods.found()[name].signed
    np.testing.assert_array_equal(images, before)
    assert model.to_json() == config and [layer.trainable for layer in model.layers].count(False) == 1
    assert all((old == new).all() for old, new in zip(weights, model.get_weights(), strict=True))
    assert [len(layer._inbound_nodes) for layer in model.layers] == [1] * len(model.layers)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("name", methods.found())
def test_image_without_evidence_is_blank(name):
    """An image of one grey value is its own blurred copy; black has no gradient × input."""
    value = 0 if name in ("gradient_input", "integrated_gradients", "smoothgrad") else GREY
    found = methods.maps(name, detector(), np.full((1, SIDE, SIDE), value, "uint8"), +1)
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize("name", methods.found())
def test_dead_network_is_blank_and_bad_input_is_one_sentence(name):
    image = two_blobs()[None]
    dead, broken = detector(), detector()
    dead.get_layer("probability").set_weights([np.zeros((2, 1)), np.zeros(1)])
    assert not methods.maps(name, dead, image, +1).any()
    broken.get_layer("probability").set_weights([np.full((2, 1), np.nan), np.zeros(1)])
    for message, model, images, target in (
        ("NaN or infinity", broken, image, +1),
        ("target=2 does not exist", detector(), image, 2),
        ("raw pixels", detector(), image / 1.0 - 1, +1),
        ("do not fit", detector(), image[:, :16], +1),
    ):
        with pytest.raises(CxrError, match=message):
            methods.maps(name, model, images, target)


@pytest.mark.parametrize("name", CAMS)
def test_methods_of_feature_maps_refuse_a_model_without_a_convolution(name):
    with pytest.raises(CxrError, match="need a convolution.*shap_partition"):
        methods.maps(name, linear(WEIGHTS), IMAGE, +1)


def test_unknown_method_lists_all():
    with pytest.raises(CxrError, match="'grad' is unknown; choose one of gradcam, .*lime"):
        methods.maps("grad", detector(), two_blobs()[None], +1)


def test_private_copy_is_built_once_and_follows_the_weights():
    model = detector()
    network = gradcam.log_odds_model(model)
    model.get_layer("probability").set_weights([np.array([[3.0], [-3.0]]), np.full(1, 0.7)])
    assert gradcam.log_odds_model(model) is network
    # 16 of 1,024 pixels at +1 and 16 at -1 (0.5 / 127 apart from mid-grey) leave the bias.
    assert methods.log_odds(network, two_blobs()[None])[0] == pytest.approx(0.7, abs=1e-5)


def test_names_are_known_without_keras():
    program = "import sys; from cxr_helpers.extras.saliency.methods import found; found(); "
    program += "sys.exit('keras.src' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=paths.ROOT).returncode == 0
