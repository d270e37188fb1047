"""A compact file answers as the network it was made of, and is the same file each time."""

import json
import time
import zipfile

import keras
import numpy as np
import pytest
from tiny_models import SIDE, detector, two_blobs

from cxr_helpers.extras.inference import compact


def wide() -> keras.Model:
    """Return a network whose weights make most of its file."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIDE, SIDE, 1))
    x = keras.layers.Conv2D(64, 3, name="conv")(inputs)
    x = keras.layers.Conv2D(128, 3)(keras.layers.BatchNormalization(name="norm")(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


def test_it_is_much_smaller_and_answers_alike(tmp_path):
    model, image = wide(), two_blobs()[None, ..., None].astype("float32")
    model.get_layer("norm").set_weights([*model.get_layer("norm").get_weights()[:3], np.full(64, 1e6, "float32")])
    model.save(tmp_path / "plain.keras")
    compact.save(model, tmp_path / "small.keras")
    assert (tmp_path / "small.keras").stat().st_size < 0.62 * (tmp_path / "plain.keras").stat().st_size
    kept = keras.saving.load_model(tmp_path / "small.keras", compile=False, safe_mode=True)
    assert kept.predict(image, verbose=0) == pytest.approx(model.predict(image, verbose=0), abs=1e-3)
    assert kept.get_layer("norm").get_weights()[3].max() == 1e6  # out of float16's range, and kept


def test_it_names_nothing_that_an_older_keras_or_h5py_does_not_know(tmp_path):
    """Keras 3.10 refuses arguments that it has not; HDF5's latest layout is read by its latest library alone."""
    model = wide()
    halved = keras.Model(model.inputs, keras.ops.mean(keras.ops.concatenate([model.output] * 2, axis=-1), axis=-1, keepdims=True))
    compact.save(halved, tmp_path / "small.keras")
    with zipfile.ZipFile(tmp_path / "small.keras") as archive:
        config, weights = archive.read("config.json").decode(), archive.read("model.weights.h5")
    assert "GlorotUniform" not in config and "quantization_config" not in config and "renorm" not in config
    operation = next(each for each in json.loads(config)["config"]["layers"] if each["class_name"] == "Mean")
    assert operation["name"] and "name" not in operation["config"]
    assert weights[:8] == b"\x89HDF\r\n\x1a\n" and weights[8] <= 3  # the version of the layout
    image = two_blobs()[None, ..., None].astype("float32")
    kept = keras.saving.load_model(tmp_path / "small.keras", compile=False, safe_mode=True)
    assert kept.predict(image, verbose=0) == pytest.approx(model.predict(image, verbose=0), abs=1e-3)


def test_the_model_itself_keeps_its_weights(tmp_path):
    model = wide()
    before = model.get_layer("conv").get_weights()[0]
    compact.save(model, tmp_path / "small.keras")
    np.testing.assert_array_equal(model.get_layer("conv").get_weights()[0], before)


def test_the_same_network_gives_the_same_file_later(tmp_path):
    model = detector()
    compact.save(model, tmp_path / "one.keras")
    time.sleep(1.1)  # Keras notes the second
    compact.save(model, tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
