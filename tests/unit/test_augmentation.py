"""Augmentation is what the documents say, changes training images only, and repeats itself."""

import keras
import numpy as np
import pytest

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.training import augmentation, fitting

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 1)).astype("float32")


def test_rahman_table_2():
    rotation, shift, shear, zoom, flip = (layer.get_config() for layer in augmentation.build("rahman", 0).layers)
    assert np.allclose(np.abs(rotation["factor"]) * 360, 7)
    assert np.allclose(np.abs(shift["height_factor"]), 0.05) and np.allclose(np.abs(shift["width_factor"]), 0.05)
    assert np.isclose(np.max(np.abs(shear["x_factor"])), 0.2)
    assert np.allclose(np.abs(zoom["height_factor"]), 0.45)
    assert flip["mode"] == "horizontal"


@pytest.mark.parametrize("name", list(augmentation.POLICIES))
def test_only_training_changes_a_image_and_a_seed_repeats(name):
    policy = augmentation.build(name, 1)
    np.testing.assert_array_equal(policy(IMAGES, training=False), IMAGES)
    changed = keras.ops.convert_to_numpy(policy(IMAGES, training=True))
    again = keras.ops.convert_to_numpy(augmentation.build(name, 1)(IMAGES, training=True))
    assert not np.allclose(changed, IMAGES)
    np.testing.assert_array_equal(changed, again)
    assert changed.min() >= -1e-3 and changed.max() <= 255.001


def test_a_crop_is_a_box_of_the_image_stretched_to_its_size():
    across, down = np.meshgrid(np.arange(64.0), np.arange(64.0))
    coordinates = np.stack([across, down], axis=-1)[None].repeat(200, axis=0).astype("float32")
    crop = augmentation.RandomResizedCrop((0.25, 0.5), (0.5, 2.0), seed=3)
    x, y = np.moveaxis(keras.ops.convert_to_numpy(crop(coordinates, training=True)), -1, 0)
    assert np.allclose(np.diff(x, axis=2), np.diff(x, axis=2)[:, :1, :1], atol=1e-3)  # straight, each its own scale
    assert np.allclose(np.diff(y, axis=1), np.diff(y, axis=1)[:, :1, :1], atol=1e-3)
    wide, high = (np.diff(x, axis=2)[:, 0, 0], np.diff(y, axis=1)[:, 0, 0])
    area, ratio = wide * high, wide / high
    assert area.max() <= 0.5 + 1e-3 and 0.3 < np.median(area) < 0.45
    assert 0.49 < ratio.min() < 0.7 and 1.4 < ratio.max() < 2.05
    assert min(x.min(), y.min()) >= -1e-3 and max(x.max(), y.max()) <= 63 + 1e-3
    assert x[:, 0, 0].max() - x[:, 0, 0].min() > 10  # places differ


def test_a_crop_of_everything_changes_nothing():
    crop = augmentation.RandomResizedCrop((1.0, 1.0), (1.0, 1.0), seed=0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(crop(IMAGES, training=True)), IMAGES, atol=1e-3)


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


def test_smoothed_labels_and_averaged_weights_are_passed_on():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    fitting.compile_model(model, Config("custom_cnn", label_smoothing=0.1, average=0.9), steps=100)
    certain = float(model.loss(np.ones((1, 1)), np.full((1, 1), 1 - 1e-6)))
    assert certain > float(model.loss(np.ones((1, 1)), np.full((1, 1), 0.95)))  # 0.95 is the smoothed label
    assert model.optimizer.use_ema and model.optimizer.ema_momentum == 0.9


def test_averaged_weights_replace_the_last_ones():
    x, y = np.ones((64, 1), "float32"), np.ones((64, 1), "float32")
    weights = {}
    for average in (0.0, 0.99):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")])
        fitting.compile_model(model, Config("custom_cnn", average=average), steps=8)
        model.fit(x, y, batch_size=8, epochs=1, verbose=0)
        weights[average] = float(model.layers[0].kernel[0, 0])
    assert 0 < weights[0.99] < weights[0.0] / 2  # the mean lags behind what is still rising
