"""Augmentation is what the documents say, changes training films only, and repeats itself."""

import keras
import numpy as np
import pytest

from cxr_helpers import augmentation, fitting
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError

FILMS = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 1)).astype("float32")


def test_rahman_table_2():
    rotation, shift, shear, zoom, flip = (layer.get_config() for layer in augmentation.rahman(0))
    assert np.allclose(np.abs(rotation["factor"]) * 360, 7)
    assert np.allclose(np.abs(shift["height_factor"]), 0.05) and np.allclose(np.abs(shift["width_factor"]), 0.05)
    assert np.isclose(np.max(np.abs(shear["x_factor"])), 0.2)
    assert np.allclose(np.abs(zoom["height_factor"]), 0.45)
    assert flip["mode"] == "horizontal"


@pytest.mark.parametrize("name", list(augmentation.POLICIES))
def test_only_training_changes_a_film_and_a_seed_repeats(name):
    policy = augmentation.build(name, 1)
    np.testing.assert_array_equal(policy(FILMS, training=False), FILMS)
    changed = keras.ops.convert_to_numpy(policy(FILMS, training=True))
    again = keras.ops.convert_to_numpy(augmentation.build(name, 1)(FILMS, training=True))
    assert not np.allclose(changed, FILMS)
    np.testing.assert_array_equal(changed, again)
    assert changed.min() >= -1e-3 and changed.max() <= 255.001


def test_none_is_none_and_the_unknown_is_named():
    assert augmentation.build("none", 0) is None
    with pytest.raises(CxrError, match="mirror"):
        augmentation.build("mirror", 0)


@pytest.mark.parametrize(
    ("options", "loss", "optimizer"),
    [
        ({}, keras.losses.BinaryCrossentropy, keras.optimizers.Adam),
        ({"loss": "focal", "optimizer": "adamw"}, keras.losses.BinaryFocalCrossentropy, keras.optimizers.AdamW),
    ],
)
def test_compiled_as_configured(options, loss, optimizer):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    fitting.compile_model(model, Config("custom_cnn", **options), steps=100)
    assert isinstance(model.loss, loss) and isinstance(model.optimizer, optimizer)


def test_cosine_schedule_warms_up_and_ends_near_zero():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    fitting.compile_model(model, Config("custom_cnn", schedule="cosine", learning_rate=0.01), steps=100)
    rate = [float(model.optimizer._learning_rate(step)) for step in (0, 5, 99)]
    assert rate[0] == 0 and np.isclose(rate[1], 0.01) and rate[2] < 1e-4
