"""Every network of the thesis is explained alike, whatever way its layers are reached."""

import keras
import numpy as np
import pytest
from tiny_models import SIDE, two_blobs

from cxr_helpers.config import Config
from cxr_helpers.extras.saliency import methods, occlusion
from cxr_helpers.models import catalogue

CAMS = ("gradcam", "gradcam_plusplus", "hirescam", "layercam")


@pytest.fixture(scope="module", params=("vgg16", "resnet50", "mobilenet", "mobilenetv2"))
def network(request) -> keras.Model:
    keras.utils.set_random_seed(0)
    return catalogue.build(Config(request.param, size=SIDE))[0]


def as_built_otherwise(model: keras.Model, folder) -> list[keras.Model]:
    """Return the model as a layer of another one, and as it comes back from disk."""
    inputs = keras.Input(model.input_shape[1:])
    model.save(folder / "model.keras")
    return [keras.Model(inputs, model(inputs, training=False)), keras.saving.load_model(folder / "model.keras", compile=False)]


def test_every_network_is_explained_alike_flat_nested_or_loaded(network, tmp_path, monkeypatch):
    monkeypatch.setattr(occlusion, "SQUARES", 2)
    images = np.stack([two_blobs(), two_blobs()[::-1]])
    others = as_built_otherwise(network, tmp_path)
    for name in (*CAMS, "gradient_input", "occlusion"):
        first = methods.maps(name, network, images, np.array([+1, -1]))
        assert first.shape == images.shape and first.dtype == np.float32 and np.isfinite(first).all()
        for other in others:
            np.testing.assert_allclose(methods.maps(name, other, images, np.array([+1, -1])), first, atol=1e-4)
    against = methods.maps("gradient_input", network, images, np.array([-1, +1]))
    np.testing.assert_array_equal(against, -methods.maps("gradient_input", network, images, np.array([+1, -1])))
