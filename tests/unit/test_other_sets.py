"""Networks and estimators learn the other sets, in the files that those sets are published in."""

import dataclasses

import numpy as np
import pytest

from cxr_helpers import records, training
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import other_set_runs
from cxr_helpers.extras.other_sets import image_sets, synthetic_sets
from cxr_helpers.extras.other_sets.chestxray14 import LABELS as EVERY
from cxr_helpers.extras.statistics import multilabel
from cxr_helpers.models import catalogue

LABELS = tuple(label for label in EVERY if label != "Hernia")  # which fewer than twenty of the synthetic images show
TINY = Config("custom_cnn", size=32, epochs=6, batch_size=16, data="nih")


@pytest.fixture(autouse=True)
def own_folders(workplace, monkeypatch, tmp_path_factory):
    """A build folder and records of this test's own; the synthetic sets are written once for all."""
    sets = tmp_path_factory.getbasetemp() / "image_sets"
    prepare = synthetic_sets.prepare
    monkeypatch.setattr(synthetic_sets, "prepare", lambda name, folder: prepare(name, sets))


def test_a_sigmoid_for_every_label_learns_what_can_be_seen():
    record = training.train(TINY, "smoke")
    assert record.table("history").loss.iloc[-1] < record.table("history").loss.iloc[0]
    assert list(record.scores) == [*records.SCORE_COLUMNS, "label"]
    assert record.scores.groupby("split").label.value_counts().groupby("split").nunique().to_dict() == {"test": 1, "val": 1}
    assert list(record.scores.label.unique()) == list(LABELS)
    assert record.scores.groupby(["split", "image_id"]).label.nunique().eq(len(LABELS)).all()
    assert record.info["images"]["test"] == len(record.split("test")) / len(LABELS)
    assert record.info["division"].startswith("test = 20% of the patients")
    table = multilabel.evaluate([record.split("test")], n_boot=20)
    assert table.value[["Effusion", "Mass", "Cardiomegaly"]].mean() > 0.65


def test_scores_belong_to_their_labels():
    """A model that always answers unit / 100 gives every label its own unit's score."""
    found = image_sets.load("nih", "smoke")
    scores = multilabel.long(found.table, LABELS, np.tile(np.arange(13) / 100, (len(found.table), 1)))
    assert scores.groupby("label", sort=False).y_score.first().to_list() == [unit / 100 for unit in range(13)]
    assert scores[scores.label == "Mass"].y_true.to_list() == found.table.Mass.to_list()


def test_new_units_leave_the_rest_of_the_network_as_it_was():
    plain, _ = catalogue.build(Config("mobilenetv2", size=32))
    model = other_set_runs.with_units(plain, 14)
    assert model.output_shape == (None, 14)
    assert [layer.name for layer in model.layers] == [layer.name for layer in plain.layers]
    assert model.get_layer("features") is plain.get_layer("features")
    width = plain.get_layer("features").output.shape[-1]
    assert model.count_params() - plain.count_params() == 13 * (width + 1)


def test_a_frozen_backbone_is_trained_on_stored_features():
    config = dataclasses.replace(TINY, trainable="head", views=2, augmentation="kilaru", epochs=2)
    record = training.train(config, "smoke")
    assert len(list((records.paths.build("smoke") / "features").glob("*.npy"))) == 2
    assert record.scores.label.nunique() == len(LABELS)


@pytest.mark.parametrize(("data", "policy"), [("skin", "skin"), ("brain", "none")])
def test_binary_sets_are_learnt(data, policy):
    config = dataclasses.replace(TINY, data=data, augmentation=policy, patience=3)
    record = training.train(config, "smoke")
    assert list(record.scores) == records.SCORE_COLUMNS
    test = record.split("test")
    assert test.y_score[test.y_true == 1].median() > test.y_score[test.y_true == 0].median()


def test_an_estimator_sees_the_features_of_its_own_set():
    record = training.train(Config("logistic", size=32, features="pca", data="brain"), "smoke")
    test = record.split("test")
    assert record.info["images"] == {"train": 144, "test": 40, "val": 16}
    assert len(test) == 40
    assert test.y_score[test.y_true == 1].mean() > test.y_score[test.y_true == 0].mean()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"protocol": "rahman_919"}, "protocol='rahman_919' does not divide the set nih"),
        ({"class_weight": "balanced"}, "class_weight='balanced' is not defined"),
        ({"model": "svm"}, "many labels, for which svm"),
    ],
)
def test_what_a_set_does_not_have_is_refused(changes, sentence):
    with pytest.raises(CxrError, match=sentence):
        training.train(dataclasses.replace(TINY, **changes), "smoke")


def test_a_record_counts_the_files_that_were_left_out(tmp_path, monkeypatch):
    synthetic_sets.write_nih(tmp_path / "nih")
    broken = min((tmp_path / "nih" / "images").iterdir())
    broken.write_bytes(b"")
    monkeypatch.setenv("CXR_SETS_DIR", str(tmp_path))
    record = training.train(dataclasses.replace(TINY, epochs=1), "full")
    assert record.info["images_left_out"] == 1 and f"images/{broken.name}" not in set(record.scores.image_id)
