"""Other inference backends give what Keras gives, or say in one sentence why they cannot."""

import sys

import keras
import numpy as np
import pytest
from keras import layers

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import backends
from cxr_helpers.training import cached_features

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    """A tiny network of random weights with the layers that the exports meet."""
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((32, 32, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, -1.0, name="scaling")(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="conv")(x)
    x = layers.ReLU(6.0, name="relu")(layers.BatchNormalization(name="norm")(x))
    x = layers.GlobalAveragePooling2D(name="features")(layers.DepthwiseConv2D(3, name="depthwise")(x))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="probability")(x), name="small")


@pytest.fixture(scope="module")
def expected(model):
    return model.predict_on_batch(IMAGES)


def needs(*modules: str):
    missing = [name for name in modules if not backends.installed(name)]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")


@pytest.mark.parametrize("name", backends.TOLERANCES)
def test_an_export_gives_what_keras_gives_for_one_image_and_for_many(name, model, expected, tmp_path):
    needs("openvino")
    run = backends.runner(model, name, tmp_path)
    gap = 0.01 if name == backends.BFLOAT16 else 1e-4
    assert backends.check(run, IMAGES, expected, name) < gap
    assert run(IMAGES[2:3]) == pytest.approx(expected[2:3], rel=gap)


def test_a_difference_beyond_the_tolerance_names_the_image(expected):
    def wrong(images):
        found = expected.copy()
        found[4] += 0.01
        return found

    with pytest.raises(CxrError, match="on image 5,"):
        backends.check(wrong, IMAGES, expected, "openvino")
    with pytest.raises(CxrError, match="on image 1,"):
        backends.check(lambda images: np.full_like(expected, np.nan), IMAGES, expected, "openvino")


def test_a_missing_backend_is_a_sentence(monkeypatch, model, tmp_path):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(CxrError, match="openvino is not installed; `pip install"):
        backends.export(model, tmp_path / "model.xml")
    monkeypatch.setenv(backends.CHOICE, "openvino")
    with pytest.raises(CxrError, match="openvino is not installed"):
        backends.best()
    monkeypatch.setenv(backends.CHOICE, "abacus")
    with pytest.raises(CxrError, match="CXR_BACKEND=abacus is unknown: choose one of keras,"):
        backends.best()


def test_what_cannot_be_exported_or_read_is_a_sentence(tmp_path):
    augmenting = keras.Sequential([keras.Input((8, 8, 1)), layers.RandomFlip(), layers.Flatten(), layers.Dense(1)])
    with pytest.raises(CxrError, match="augments its images .layer random_flip"):
        backends.export(augmenting, tmp_path / "model.xml")
    needs("openvino")
    with pytest.raises(CxrError, match="absent.xml does not exist"):
        backends.load(tmp_path / "absent.xml")
    (tmp_path / "broken.xml").write_text("no graph")
    with pytest.raises(CxrError, match="broken.xml cannot be read by OpenVINO"):
        backends.load(tmp_path / "broken.xml")


def test_features_fall_back_to_keras_aloud(monkeypatch, capsys, model, expected):
    monkeypatch.setattr(backends, "runner", lambda *_: lambda images: expected[: len(images)] + 1)
    run = backends.forward(model, 10**6, "openvino")
    assert run(IMAGES) == pytest.approx(expected)
    assert "OpenVINO differs from Keras" in capsys.readouterr().out
    assert run(IMAGES) == pytest.approx(expected)


def test_few_images_are_not_worth_an_export(monkeypatch, model, expected):
    monkeypatch.delenv(backends.CHOICE, raising=False)
    monkeypatch.setattr(backends, "runner", lambda *_: pytest.fail("exported"))
    assert backends.forward(model, backends.FEW - 1)(IMAGES) == pytest.approx(expected)


def test_bfloat16_is_taken_where_the_processor_multiplies_it_and_said(monkeypatch, model):
    monkeypatch.delenv(backends.CHOICE, raising=False)
    monkeypatch.setattr(backends, "installed", lambda module: True)
    for flags, name in (("flags: avx512f avx512_bf16", backends.BFLOAT16), ("flags: avx512f", "openvino")):
        monkeypatch.setattr(backends.Path, "read_text", lambda *_, found=flags, **__: found)
        monkeypatch.setattr(backends.Path, "is_file", lambda _: True)
        assert backends.best() == name and backends.best(exact=True) == "openvino"
        assert backends.chosen(model, 10**6) == "openvino"  # it has a depthwise convolution
    arithmetic = {name: cached_features.arithmetic(backends.forward(model, 10**6, name)) for name in backends.TITLES}
    assert arithmetic.pop(backends.BFLOAT16) == "bfloat16" and set(arithmetic.values()) == {"float32"}
