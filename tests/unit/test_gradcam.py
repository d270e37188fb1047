"""Grad-CAM on models whose maps are known by hand: it must find the blob that speaks for the class asked about."""

import keras
import numpy as np
import pytest
from tiny_models import GREY, SIDE, WHITE, detector, linear, nested, two_blobs

from cxr_helpers.errors import CxrError
from cxr_helpers.explain.gradcam import explained_layer, gradcam, log_odds_model

IMAGE = two_blobs()[None]
BRIGHT, DARK = (slice(4, 12), slice(4, 12)), (slice(20, 28), slice(16, 24))


def peak(heat: np.ndarray) -> tuple[int, int]:
    return np.unravel_index(heat.argmax(), heat.shape)


def assert_peak_in(heat: np.ndarray, region: tuple[slice, slice]) -> None:
    assert heat.shape == (SIDE, SIDE) and heat.dtype == np.float32
    assert heat.max() == 1 and heat.min() == 0
    row, column = peak(heat)
    assert row in range(SIDE)[region[0]] and column in range(SIDE)[region[1]]


def loaded(tmp_path) -> keras.Model:
    detector().save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


MODELS = {
    "one sigmoid unit": lambda _: detector(),
    "two softmax units": lambda _: detector(units=2),
    "three channels": lambda _: detector(channels=3),
    "nested": lambda _: nested(),
    "sequential": lambda _: keras.Sequential([keras.Input((SIDE, SIDE, 1)), *detector().layers[1:]]),
    "loaded from disk": loaded,
    "saturated, sigmoid": lambda _: detector(bias=40),
    "saturated, softmax": lambda _: detector(units=2, bias=40),
}


@pytest.mark.parametrize("kind", MODELS)
def test_map_peaks_on_the_blob_that_speaks_for_the_target(kind, tmp_path):
    model = MODELS[kind](tmp_path)
    assert_peak_in(gradcam(model, IMAGE, +1)[0], BRIGHT)
    assert_peak_in(gradcam(model, IMAGE, -1)[0], DARK)


def test_map_is_the_weighted_sum_of_the_feature_maps():
    # The blob covers one quarter of four 4×4 cells, mean 0.25 each: a plateau of 2×2 cells, nothing elsewhere.
    image = np.full((1, SIDE, SIDE), GREY, "uint8")
    image[0, 6:10, 6:10] = WHITE
    heat = gradcam(detector(), image, +1)[0]
    np.testing.assert_allclose(heat[6:10, 6:10], 1, atol=1e-6)
    assert heat[14:].max() == heat[:, 14:].max() == 0


def test_one_target_per_image():
    images = np.concatenate([IMAGE, IMAGE])
    maps = gradcam(detector(), images, np.array([+1, -1]))
    np.testing.assert_array_equal(maps[0], gradcam(detector(), IMAGE, +1)[0])
    np.testing.assert_array_equal(maps[1], gradcam(detector(), IMAGE, -1)[0])


def test_many_images_are_explained_each_by_itself():
    images = np.stack([np.roll(IMAGE[0], shift, axis=1) for shift in range(0, 20)])
    np.testing.assert_allclose(gradcam(detector(), images, +1)[17], gradcam(detector(), images[17:18], +1)[0], atol=1e-6)


def test_neither_image_nor_model_is_changed():
    model, image = detector(), IMAGE.astype("float32")
    config, weights = model.to_json(), [w.copy() for w in model.get_weights()]
    before = model.predict(image[..., None], verbose=0)
    gradcam(model, image, -1)
    np.testing.assert_array_equal(image, IMAGE)
    assert model.to_json() == config
    assert all((old == new).all() for old, new in zip(weights, model.get_weights(), strict=True))
    np.testing.assert_array_equal(model.predict(image[..., None], verbose=0), before)
    assert [len(layer._inbound_nodes) for layer in model.layers] == [1] * len(model.layers)


def test_half_precision_model_is_explained_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = detector(bias=40)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(gradcam(model, IMAGE, +1), gradcam(detector(), IMAGE, +1), atol=1e-6)


def test_layer_with_a_path_around_it():
    inputs = keras.Input((SIDE, SIDE, 1))
    first = keras.layers.Conv2D(2, 1, activation="relu", name="filters")(inputs)
    inner = keras.layers.Conv2D(2, 1, name="inner")(first)
    pooled = [keras.layers.GlobalAveragePooling2D()(maps) for maps in (first, inner)]
    x = keras.layers.Add()(pooled)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    model.get_layer("filters").set_weights([np.array([[[[1.0, -1.0]]]]), np.array([-GREY, GREY])])
    model.get_layer("inner").set_weights([np.eye(2)[None, None], np.zeros(2)])
    model.layers[-1].set_weights([np.array([[1.0], [-1.0]]), np.zeros(1)])
    assert_peak_in(gradcam(model, IMAGE, +1)[0], BRIGHT)


def test_default_layer_is_the_last_with_positions():
    assert explained_layer(detector()).name == "maps"


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_image_without_evidence_has_a_blank_map():
    grey = np.full((1, SIDE, SIDE), GREY, "uint8")
    heat = gradcam(detector(), np.concatenate([grey, IMAGE]), +1)
    assert heat.any(axis=(1, 2)).tolist() == [False, True]
    assert (heat[0] == 0).all()


def test_log_odds_are_those_of_the_probability():
    for units in (1, 2):
        model = detector(units, bias=0.7)
        p = model.predict(IMAGE[..., None], verbose=0)[0, -1]
        z = log_odds_model(model).predict(IMAGE[..., None], verbose=0)[0, 0]
        assert z == pytest.approx(np.log(p / (1 - p)), abs=1e-5)


def test_bad_input_is_one_clear_error():
    broken = detector()
    broken.get_layer("probability").set_weights([np.full((2, 1), np.nan), np.zeros(1)])
    headless = keras.Model(broken.input, broken.get_layer("features").output)
    for message, call in {
        "NaN": lambda: gradcam(broken, IMAGE, +1),
        "need a convolution": lambda: gradcam(linear(np.ones((SIDE, SIDE))), IMAGE, +1),
        "target=0": lambda: gradcam(detector(), IMAGE, 0),
        r"one per image \(1\)": lambda: gradcam(detector(), IMAGE, np.array([1, -1])),
        "do not fit": lambda: gradcam(detector(), IMAGE[:, :16], +1),
        "0..255": lambda: gradcam(detector(), IMAGE.astype("float32") - 1, +1),
        "neither one sigmoid": lambda: gradcam(headless, IMAGE, +1),
    }.items():
        with pytest.raises(CxrError, match=message):
            call()
