"""Attention weighs channels and places as CBAM says, and trains on stored maps of a frozen backbone."""

import keras
import numpy as np
import pytest

from cxr_helpers.config import Config
from cxr_helpers.explain import gradcam
from cxr_helpers.extras.networks import mobilenetv2_attention
from cxr_helpers.models import catalogue


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def block() -> keras.Model:
    maps = keras.Input((5, 4, 6))
    return keras.Model(maps, mobilenetv2_attention.cbam(maps, reduction=3))


def test_weights_are_those_of_the_formula(block):
    rng = np.random.default_rng(0)
    squeeze, shift = rng.normal(size=(6, 2)), rng.normal(size=2)
    excite, bias = rng.normal(size=(2, 6)), rng.normal(size=6)
    kernel = np.zeros((7, 7, 2, 1))
    kernel[3, 3] = [[2.0], [-1.0]]  # the place itself: twice the mean over channels less the largest value
    block.get_layer("attention_squeeze").set_weights([squeeze, shift])
    block.get_layer("attention_excite").set_weights([excite, bias])
    block.get_layer("attention_place_weights").set_weights([kernel])
    maps = rng.normal(size=(2, 5, 4, 6)).astype("float32")

    def shared(pooled: np.ndarray) -> np.ndarray:
        return np.maximum(pooled @ squeeze + shift, 0) @ excite + bias

    by_channel = maps * sigmoid(shared(maps.mean(axis=(1, 2))) + shared(maps.max(axis=(1, 2))))[:, None, None]
    place = sigmoid(2 * by_channel.mean(axis=-1) - by_channel.max(axis=-1))
    np.testing.assert_allclose(block.predict(maps, verbose=0), by_channel * place[..., None], atol=1e-5)


def test_parameters_are_one_shared_network_and_one_convolution(block):
    # 6 → 2 → 6 with biases: 14 + 18; 7 × 7 × 2 → 1 without.
    assert block.count_params() == 14 + 18 + 98


def test_attention_and_head_train_on_the_stored_maps_of_mobilenetv2():
    model, _ = catalogue.build(Config("mobilenetv2_attention", size=64, trainable="attention"))
    trained = {weight.path.split("/")[0] for weight in model.trainable_weights}
    assert trained == {"attention_squeeze", "attention_excite", "attention_place_weights", "probability"}
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    backbone, head = catalogue.split(model)
    assert backbone.output_shape == (None, 2, 2, 1280) and not backbone.trainable_weights
    np.testing.assert_allclose(head(backbone(images)), model(images, training=False), atol=1e-6)


def test_a_saved_model_with_attention_can_be_explained(tmp_path):
    model, _ = catalogue.build(Config("mobilenetv2_attention", size=96, trainable="attention"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    images = np.random.default_rng(0).uniform(0, 255, (2, 96, 96)).astype("float32")
    pixels = gradcam.batch(loaded, images)
    np.testing.assert_allclose(loaded.predict(pixels, verbose=0), model.predict(pixels, verbose=0), atol=1e-6)
    assert gradcam.explained_layer(loaded).name == "attention_by_place"
    assert gradcam.gradcam(loaded, images, 1).shape == (2, 96, 96)
