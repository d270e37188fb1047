"""Each stage does its work on the images it is given, and its sample says what that cost."""

import math

import cv2
import numpy as np
import pytest
import tiny_images

from cxr_helpers.config import Config
from cxr_helpers.data import preprocessing
from cxr_helpers.extras.benchmarks import stages
from cxr_helpers.extras.networks import programs


@pytest.fixture
def files(tmp_path):
    return sorted(tiny_images.write(tmp_path).rglob("*.jpeg"))[:4]


def test_loading_decodes_every_image_as_it_is(files):
    images = stages.load(files, side=32)
    assert [image.shape for image in images] == [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).shape for file in files]
    assert all(image.dtype == np.uint8 for image in images)


def test_preprocessing_gives_what_a_network_takes(files):
    images = stages.load(files, side=32)
    prepared = stages.prepare(images, side=32)
    assert prepared.shape == (4, 32, 32, 3) and prepared.dtype == np.float32
    expected = preprocessing.VARIANTS["gaussian+equalise"](preprocessing.resize(images[2], 32)) / 255
    np.testing.assert_allclose(prepared[2], np.stack([expected] * 3, axis=-1), rtol=1e-6)


def test_display_draws_a_panel_per_image(files):
    picture, longer = (
        cv2.imdecode(np.frombuffer(stages.show(np.zeros((count, 16, 16), np.uint8), 16), np.uint8), cv2.IMREAD_COLOR)
        for count in (4, 8)
    )
    assert picture.shape[1] == longer.shape[1] and longer.shape[0] > 1.7 * picture.shape[0]  # a second row of four


@pytest.mark.parametrize("stage", stages.OF_IMAGES)
def test_a_stage_of_images_has_one_sample(stage, files):
    (sample,) = stages.of_images(stage, files, 32, repeat=3)
    assert (sample["stage"], sample["repeat"]) == (stage, 3)
    assert 0 < sample["seconds"] < 10 and sample["megabytes"] >= 0


def test_a_network_is_built_evaluated_and_trained():
    samples = stages.of_network(Config("custom_cnn", size=32, batch_size=4), count=8, repeats=2)
    assert [(sample["stage"], sample["repeat"]) for sample in samples] == [
        *[("model building", 0), ("evaluation", 0), ("evaluation", 1)],
        *[("training", 0), ("training", 1), ("model building", 1)],
    ]
    assert all(sample["seconds"] > 0 for sample in samples)
    assert [math.isnan(sample["megabytes"]) for sample in samples] == [False, False, True, False, True, True]
    building, evaluation, training = (samples[place]["megabytes"] for place in (0, 1, 3))
    assert building <= evaluation <= training  # a peak never falls


def test_a_program_has_its_augmentation_and_trains_what_it_should():
    program = programs.build(Config("custom_cnn", size=32, augmentation="thesis", trainable="head"))
    assert [layer.name for layer in program.layers] == ["augmentation", "custom_cnn"]
    trained = [weight.path.split("/")[-2] for weight in program.trainable_weights]
    assert trained == ["dense", "dense", "probability", "probability"]
    images, labels = programs.images(program, 5)
    assert images.shape == (5, 32, 32, 1) and labels.ravel().tolist() == [0, 1, 0, 1, 0]
    before = program.evaluate(images, labels, verbose=0)[0]
    program.fit(images, labels, epochs=20, verbose=0)
    assert program.evaluate(images, labels, verbose=0)[0] < before
