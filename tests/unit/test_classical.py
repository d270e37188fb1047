"""Estimators on features: validation chooses, training alone is fitted, patients stay together, answers are probabilities."""

import numpy as np
import pandas as pd
import pytest
import tiny_bright
from sklearn.metrics import roc_auc_score

from cxr_helpers import records, training
from cxr_helpers.base import plugins
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import classical

SPLITS = np.repeat(["train", "val", "test"], [40, 20, 20])


@pytest.fixture
def table():
    """Eighty images, two a patient, both of one class."""
    return tiny_bright.images(80, SPLITS)


@pytest.fixture
def bright_images(table, workplace, monkeypatch):
    """Images of which PNEUMONIA has a bright square, in a project of their own."""
    tiny_bright.install(table, monkeypatch)


@pytest.mark.parametrize("model", classical.ESTIMATORS)
def test_every_estimator_finds_the_bright_square(bright_images, model):
    record = training.train(Config(model, features="pca", size=32), "smoke")
    test = record.split("test")
    assert list(record.scores.columns) == records.SCORE_COLUMNS and set(record.scores.split) == {"val", "test"}
    assert roc_auc_score(test.y_true, test.y_score) == 1
    assert test.y_score.between(0, 1).all()
    assert set(record.info["chosen"]) == set(classical.ESTIMATORS[model].grid)
    assert record.info["inputs"] == 1024 and record.info["images"] == {"train": 40, "val": 20, "test": 20}


def test_equal_seeds_give_equal_scores(bright_images):
    config = Config("elm", features="hog", size=32, seed=3)
    first, again = (training.train(config, "smoke", retrain=True).scores for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_validation_images_choose_the_setting(table):
    # A step in one feature: any depth finds it. The other feature names the training images one by one, and only a deep
    # tree follows it where the training labels are wrong.
    x = np.column_stack([table.y_true, np.arange(80)]).astype("float32")
    noisy = table.assign(y_true=np.where((table.split == "train") & (table.row % 5 == 0), 1 - table.y_true, table.y_true))
    chosen, _ = classical.choose(Config("decision_tree", features="hog"), x, noisy)
    assert chosen == {"max_depth": 3}


def test_test_images_move_nothing(table):
    x = np.random.default_rng(0).normal(size=(80, 5)) + table.y_true.to_numpy()[:, None]
    config = Config("svm", features="hog")
    changed = x.copy()
    changed[SPLITS == "test"] = 1e6
    kept = SPLITS != "test"
    answers = []
    for features in (x, changed):
        fitted = classical.calibrated(classical.choose(config, features, table)[1], features, table, seed=0)
        answers.append(fitted.predict_proba(features[kept]))
    np.testing.assert_array_equal(*answers)


def test_margins_are_calibrated_on_patients_that_the_estimator_had_not_seen(table):
    # Features of a patient tell nothing of other patients, but both images of one are alike: were they parted, every
    # left-out image would be answered by its twin, and the probabilities would be sure.
    x = np.repeat(np.random.default_rng(0).normal(size=(40, 30)), 2, axis=0)
    model = classical.pipeline(Config("svm", features="hog"), 40).set_params(estimator__C=10.0)
    train = table[SPLITS == "train"]
    answers = classical.calibrated(model, x, table, seed=0).predict_proba(x[train.row])[:, 1]
    assert answers.min() > 0.2 and answers.max() < 0.8
    strangers = table.assign(patient_id=table.image_id)
    answers = classical.calibrated(model, x, strangers, seed=0).predict_proba(x[train.row])[:, 1]
    assert answers.min() < 0.2 and answers.max() > 0.8


def test_components_are_as_many_as_the_images_allow(table):
    config = Config("logistic", features="pca")
    assert classical.pipeline(config, 40)["components"].n_components == 20
    assert classical.pipeline(config, 5000)["components"].n_components == classical.COMPONENTS
    assert "components" not in classical.pipeline(Config("logistic", features="hog"), 40).named_steps


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (Config("perceptron", features="hog"), "model='perceptron' is no estimator; choose one of decision_tree, .*schmidt"),
        (Config("svm", features="hog", class_weight="balanced"), "svm is fitted without class weights"),
        (Config("svm"), "features='' is unknown"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(bright_images, config, sentence):
    with pytest.raises(CxrError, match=sentence):
        classical.make(config, "smoke")


def test_makers_know_every_estimator():
    assert {plugins.load("makers", model) for model in classical.ESTIMATORS} == {classical.make}
