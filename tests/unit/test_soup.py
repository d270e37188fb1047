"""A soup: the mean of its seeds' weights, with statistics of its own, worked out by hand."""

import keras
import numpy as np
import pytest
import tiny_runs

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import saved, soup
from cxr_helpers.training import cached_features, network

SIDE = 32


def scaler(factor: float, trainable: bool = True) -> keras.Model:
    """Return a network that multiplies grey values by `factor`, normalises them and squashes their mean."""
    inputs = keras.Input((SIDE, SIDE, 1))
    x = keras.layers.Conv2D(1, 1, use_bias=False, name="factor")(inputs)
    x = keras.layers.BatchNormalization(scale=False, center=False, name="norm")(x)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid", kernel_initializer="ones", name="probability")(x))
    model.get_layer("factor").set_weights([np.full((1, 1, 1, 1), factor)])
    model.get_layer("norm").trainable = trainable
    return model


def test_weights_are_averaged_and_the_members_stay_as_they_are():
    models = [scaler(1.0), scaler(4.0)]
    found = soup.averaged(models)
    assert found.get_layer("factor").get_weights()[0].item() == 2.5
    assert [model.get_layer("factor").get_weights()[0].item() for model in models] == [1.0, 4.0]


def test_statistics_are_those_of_the_training_images(monkeypatch):
    monkeypatch.setattr(soup, "NORMALISING", 2)
    pixels = np.stack([np.full((SIDE, SIDE), grey, np.uint8) for grey in (10, 20, 30, 40, 255)])
    model = scaler(2.0)
    soup.normalise(model, pixels, np.arange(4))  # the last image is not asked
    mean, variance = model.get_layer("norm").get_weights()
    assert mean.item() == pytest.approx(50)
    assert 0 < variance.item() <= 500  # 500 over all images; within batches of two it is less
    assert model.get_layer("norm").momentum == 0.99


def test_a_frozen_layer_keeps_its_statistics():
    model = scaler(2.0, trainable=False)
    soup.normalise(model, np.full((4, SIDE, SIDE), 90, np.uint8), np.arange(4))
    assert [each.item() for each in model.get_layer("norm").get_weights()] == [0, 1]


@pytest.fixture
def run(workplace, monkeypatch):
    """Store runs of seeds whose saved networks scale by 1, 2, ...; the images are grey."""
    store, networks = tiny_runs.stored(monkeypatch), {}
    pixels = np.stack([np.full((SIDE, SIDE), grey, np.uint8) for grey in (100, 110, 120, 130)])
    table = tiny_runs.IMAGES.assign(row=range(4), split=["train", "train", "val", "test"])
    monkeypatch.setattr(network, "labelled_images", lambda profile, protocol: table)
    monkeypatch.setattr(network, "images_info", lambda profile, images: {})
    monkeypatch.setattr(packing, "load", lambda profile, size, variant: pixels)
    monkeypatch.setattr(saved, "of_run", lambda found, profile: networks[found.run_id])

    def make(**options):
        found = store("one", [0.5] * 4, start=options.pop("start", "imagenet"), size=SIDE, **options)
        networks[found.run_id] = scaler(1.0 + len(networks))
        return found

    make.pixels = pixels
    return make


def test_its_scores_are_those_of_the_network_it_saves(run):
    for _ in range(3):
        run()
    found = soup.make(Config("soup", size=SIDE, members=("one",)), "smoke")
    path = records.model_path("smoke", Config("soup", size=SIDE, members=("one",)).run_id)
    kept = keras.saving.load_model(path, compile=False)
    assert kept.get_layer("factor").get_weights()[0].item() == pytest.approx(2)
    scores = found.tables["scores"]
    assert scores.split.tolist() == ["val", "test"]
    outputs = cached_features.extract(kept, run.pixels, np.array([2, 3]))
    assert scores.y_score.to_numpy() == pytest.approx(outputs[:, -1], abs=1e-6)
    assert found.info["parameters"] == kept.count_params() and found.info["model_bytes"] == path.stat().st_size


def test_what_makes_no_soup_is_refused(run):
    run()
    for config, words in (
        (Config("soup", size=SIDE), "has one member"),
        (Config("soup", size=64, members=("one",)), "set size = 32"),
    ):
        with pytest.raises(CxrError, match=words):
            soup.make(config, "smoke")
    run(start="random")
    with pytest.raises(CxrError, match="began at random"):
        soup.make(Config("soup", size=SIDE, members=("one",)), "smoke")
