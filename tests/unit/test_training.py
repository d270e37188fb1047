"""One door to a trained model: it learns, repeats itself, and asked again loads its record."""

import dataclasses

import keras
import numpy as np
import pandas as pd
import pytest

from cxr_helpers import records, training
from cxr_helpers.config import Config
from cxr_helpers.data import dataset, manifest, packing, splits
from cxr_helpers.errors import CxrError
from cxr_helpers.training import fitting, network

TINY = Config("custom_cnn", size=32, epochs=4, batch_size=8, learning_rate=1e-3)


@pytest.fixture
def bright_images(workplace, monkeypatch):
    """Forty images of which PNEUMONIA has a bright square, behind the same functions as the real set."""
    rng = np.random.default_rng(0)
    y_true = np.arange(40) % 2
    pixels = rng.integers(60, 120, (40, 32, 32)).astype("uint8")
    pixels[y_true == 1, 8:20, 8:20] = 250
    ids = [f"image{i}" for i in range(40)]
    images = pd.DataFrame({"image_id": ids, "patient_id": ids, "y_true": y_true, "sha256": ids})
    split = np.repeat(["train", "val", "test"], [24, 8, 8])
    monkeypatch.setattr(manifest, "load", lambda profile: images)
    monkeypatch.setattr(dataset, "discover", lambda profile: type("Source", (), {"pixels": "synthetic image"}))
    monkeypatch.setattr(splits, "load", lambda profile, protocol: images[["image_id", "patient_id"]].assign(split=split))
    monkeypatch.setattr(packing, "load", lambda profile, size, variant="none": pixels)
    return pixels


def test_loss_falls_and_record_is_complete(bright_images):
    record = training.train(TINY, "smoke")
    assert record.table("history").loss.iloc[-1] < record.table("history").loss.iloc[0]
    assert list(record.scores.columns) == records.SCORE_COLUMNS
    assert record.scores.split.value_counts().to_dict() == {"val": 8, "test": 8}
    assert record.info["images"] == {"train": 24, "val": 8, "test": 8}
    assert record.info["parameters"] > record.info["trainable_parameters"] > 0
    assert records.model_path("smoke", record.run_id).stat().st_size == record.info["model_bytes"]


def test_asked_again_it_loads_and_retrained_it_repeats_itself(bright_images, monkeypatch):
    first = training.train(TINY, "smoke")
    second = training.train(TINY, "smoke", retrain=True)
    pd.testing.assert_frame_equal(first.scores, second.scores)
    monkeypatch.setattr(network.catalogue, "build", lambda config: pytest.fail("trained although a record exists"))
    assert training.train(TINY, "smoke").info == second.info


def test_a_large_head_is_trained_in_fused_passes_to_the_same_weights(monkeypatch):
    inputs, labels = np.random.default_rng(0).normal(size=(32, 40)).astype("float32"), np.eye(2)[np.arange(32) % 2]

    def trained(large: int) -> tuple[bool, list[np.ndarray]]:
        monkeypatch.setattr(fitting, "LARGE", large)
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2, activation="softmax")]
        head = keras.Sequential([keras.Input((40,)), *layers])
        fitting.compile_model(head, TINY, steps=4)
        head.fit(inputs, labels, batch_size=8, epochs=3, shuffle=False, verbose=0)
        return head.jit_compile, head.get_weights()

    (fused, weights), (_, plain) = trained(100), trained(1_000_000)
    assert fused == (keras.backend.backend() == "tensorflow")
    for one, other in zip(weights, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_stored_features_train_only_the_head(bright_images):
    config = dataclasses.replace(TINY, trainable="head", views=2, augmentation="kilaru", epochs=3)
    record = training.train(config, "smoke")
    assert len(record.table("history")) == 3
    head = record.info["trainable_parameters"]
    assert head < record.info["parameters"]
    stored = list((records.paths.build("smoke") / "features").glob("*.npy"))
    assert sorted(np.load(path).shape[:2] for path in stored) == [(1, 40), (2, 24)]


def test_thesis_softmax_scores_are_the_pneumonia_unit(bright_images):
    record = training.train(Config("vgg16", size=32, epochs=1, batch_size=8, learning_rate=1e-4), "smoke")
    assert record.scores.y_score.between(0, 1).all()


def test_a_record_edited_by_hand_is_refused(bright_images):
    record = training.train(dataclasses.replace(TINY, epochs=1), "smoke")
    path = record.folder / "scores.csv"
    path.write_text(path.read_text().replace(",1,", ",0,", 1))
    with pytest.raises(CxrError, match="SHA-256"):
        _ = records.read(record.folder).scores


def test_a_broken_run_json_is_named(bright_images):
    record = training.train(dataclasses.replace(TINY, epochs=1), "smoke")
    (record.folder / "run.json").write_text('{"config": {')
    with pytest.raises(CxrError, match="run.json is not a run record"):
        records.read(record.folder)


def test_missing_records_name_the_command(workplace):
    with pytest.raises(CxrError, match="cxr train vgg16_thesis"):
        records.of("vgg16_thesis", "full")


def test_large_scores_are_compressed_and_read_back(workplace):
    n = 5000
    scores = pd.DataFrame({"image_id": [f"test/NORMAL/{i}" for i in range(n)], "patient_id": "p", "split": "test"})
    scores = scores.assign(y_true=0, y_score=np.linspace(0, 1, n))
    record = records.write(TINY, "full", {}, {"scores": scores})
    assert [path.name for path in record.folder.glob("scores*")] == ["scores.csv.gz"]
    np.testing.assert_allclose(record.scores.y_score, scores.y_score, atol=1e-6)


def test_ids_are_text_whatever_they_look_like(workplace):
    scores = pd.DataFrame({"image_id": ["1e5", "NA", "7"], "patient_id": ["012", "12", "NA"], "split": "test"})
    scores = records.write(TINY, "full", {}, {"scores": scores.assign(y_true=0, y_score=[0.5, None, 0.25])}).scores
    assert scores.patient_id.tolist() == ["012", "12", "NA"] and scores.image_id.tolist() == ["1e5", "NA", "7"]
    assert scores.y_score.isna().tolist() == [False, True, False]  # in numbers nothing is a gap, as before
