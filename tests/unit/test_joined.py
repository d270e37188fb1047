"""Networks joined into one: the answer of their ensemble, and maps that are those of all of them."""

import keras
import numpy as np
import pytest
from scipy.special import expit, logit
from tiny_models import SIDE, detector, two_blobs

from cxr_helpers.explain import gradcam
from cxr_helpers.extras.networks import joined


def networks() -> list[keras.Model]:
    """Return three detectors of different bias and strength."""
    made = [detector(bias=bias) for bias in (0.0, 2.0, -1.0)]
    for strength, network in enumerate(made, 1):
        kernel, bias = network.layers[-1].get_weights()
        network.layers[-1].set_weights([strength * kernel, bias])
    return made


@pytest.fixture
def images() -> np.ndarray:
    bright, dark = (np.full((SIDE, SIDE), grey, "uint8") for grey in (200, 3))
    return np.stack([two_blobs(), bright, dark])[..., None].astype("float32")


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_it_answers_as_the_ensemble_does(images, temperature, tmp_path):
    members = networks()
    mean = np.mean([member.predict(images, verbose=0)[:, 0].astype(float) for member in members], axis=0)
    whole = joined.joined(members, temperature)
    assert whole.predict(images, verbose=0)[:, 0] == pytest.approx(expit(logit(mean) / temperature), abs=1e-5)
    whole.save(tmp_path / "whole.keras")
    kept = keras.saving.load_model(tmp_path / "whole.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(kept.predict(images, verbose=0), whole.predict(images, verbose=0))


def test_grad_cam_sees_the_maps_of_all(images):
    members = networks()
    whole = joined.joined(members)
    assert gradcam.explained_layer(whole).name == "maps"
    (heat,) = gradcam.gradcam(whole, images[:1, ..., 0], 1)
    assert heat[6:10, 6:10].min() > 0.9 and heat[22:26, 18:22].max() < 0.1
    # One network, joined with itself, is explained as it is alone.
    twice, once = (gradcam.gradcam(model, images[:1, ..., 0], 1) for model in (joined.joined([members[1]] * 2), members[1]))
    np.testing.assert_allclose(twice, once, atol=1e-4)


def test_a_network_with_another_head_is_not_joined():
    assert joined.joinable(detector()) and not joined.joinable(detector(units=2))
