"""Readings of a text: all combinations are trained, a killed call goes on, and the verdict has its four words."""

import itertools

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from cxr_helpers.data import manifest
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import readings
from cxr_helpers.tables import reported_vs_reproduced, verdicts

TEXT = {
    "experiment": "mobilenet_rahman",
    "split": "test",
    "config": {"protocol": "folders", "views": 2},
    "choices": [
        {"name": "rate", "why": "not said", "options": {"fast": {"learning_rate": 0.5}, "slow": {"learning_rate": 1e-9}}},
        {"name": "split", "why": "not said", "options": {"draw 0": {}, "draw 1": {"split_seed": 1}}},
    ],
    "stopping": {"why": "not said", "options": {"1 epoch": {"epochs": 1}, "patience 1": {"patience": 1}}},
}
OPTIONS = {("fast", "draw 0"), ("fast", "draw 1"), ("slow", "draw 0"), ("slow", "draw 1")}


@pytest.fixture
def heads(workplace, monkeypatch):
    """Two features, of which the first tells the classes apart; return the configurations that a head was asked for."""
    rows = list(itertools.product(("train", "val", "test"), range(8)))
    images = pd.DataFrame({"folder": [folder for folder, _ in rows], "y_true": [number % 2 for _, number in rows]})
    images["image_id"] = images["patient_id"] = [f"{folder}{number}" for folder, number in rows]
    plain = np.stack([2.0 * images.y_true - 1, np.zeros(len(images))], axis=1).astype("float32")
    asked = []

    def prepared(config, profile):
        asked.append(config)
        head = keras.Sequential([keras.Input((2,)), layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")])
        return head, plain, np.stack([plain] * config.views)

    monkeypatch.setattr(readings, "claim", lambda name: TEXT)
    monkeypatch.setattr(readings, "prepared", prepared)
    monkeypatch.setattr(manifest, "load", lambda profile: images)
    monkeypatch.setattr(manifest, "data_hash", lambda images: "these")
    return asked


def test_every_combination_is_trained_once_and_every_stopping_rule_read_off(heads):
    table = readings.make("tiny", "smoke")
    assert len(heads) == 4 and set(zip(table.rate, table["split"], strict=True)) == OPTIONS
    assert table.groupby("key").stopping.apply(list).tolist() == [["1 epoch", "patience 1"]] * 4
    assert table[table.rate == "fast"].test_accuracy.eq(1).all() and table.val_roc_auc.notna().all()
    assert table[table.rate == "slow"].test_bce.round(3).eq(0.693).all()  # a head of zeros that learns nothing
    assert set(table.split_seed[table["split"] == "draw 1"]) == {1}


def test_a_killed_call_goes_on_where_it_was(heads, monkeypatch):
    whole = readings.prepared

    def dies(config, profile):
        if len(heads) == 2:
            raise KeyboardInterrupt
        return whole(config, profile)

    monkeypatch.setattr(readings, "prepared", dies)
    with pytest.raises(KeyboardInterrupt):
        readings.make("tiny", "smoke")
    first = reported_vs_reproduced.load_readings("tiny", "smoke")
    assert first.key.nunique() == 2
    monkeypatch.setattr(readings, "prepared", whole)
    table = readings.make("tiny", "smoke")
    assert len(heads) == 4
    pd.testing.assert_frame_equal(table[: len(first)], first, check_dtype=False)
    readings.make("tiny", "smoke")
    assert len(heads) == 4  # nothing was left to do


def test_readings_of_other_images_or_options_are_made_anew(heads, monkeypatch):
    readings.make("tiny", "smoke")
    monkeypatch.setattr(manifest, "data_hash", lambda images: "others")
    assert len(readings.make("tiny", "smoke")) == 8 and len(heads) == 8


def test_stopping_rules():
    history = pd.DataFrame({"val_loss": [0.5, 0.3, 0.4, 0.35, 0.2], "val_accuracy": [0.7, 0.9, 0.9, 0.8, 0.8]})
    rules = [{"epochs": 2}, {"epochs": 9}, {"patience": 2}, {"patience": 2, "last": True}, {"patience": 3}]
    assert [readings.stopped(history, rule) for rule in rules] == [1, 4, 1, 3, 4]
    assert readings.stopped(history, {"monitor": "val_accuracy"}) == 1


@pytest.mark.parametrize(("name", "least"), [("thesis", 48), ("rahman", 96), ("kilaru", 48)])
def test_the_listed_claims_have_enough_readings_each_another(name, least):
    text = readings.claim(name)
    plan = readings.trainings(text, "full", "these")
    assert len(plan) * len(text["stopping"]["options"]) >= least
    assert len({training.key for training in plan}) == len(plan)
    assert all(len(choice["why"]) > 20 for choice in (*text["choices"], text["stopping"]))


def test_an_unknown_claim_is_one_sentence():
    with pytest.raises(CxrError, match="rahman"):
        readings.claim("nobody")


CHEST = (641, 278)


def judged(metric, reported, ours, *others):
    reached = [verdicts.agrees(metric, reported, value, CHEST) for value in (ours, *others)]
    return verdicts.verdict(reported, (ours, *others), reached)


def test_a_figure_within_both_samples_errors_is_consistent():
    assert judged("accuracy", 0.8607, 0.885) == verdicts.CONSISTENT
    assert judged("accuracy", 0.8607, 0.95, 0.86) == verdicts.INSIDE
    assert judged("accuracy", 0.8607, 0.95, 0.94) == verdicts.OUTSIDE
    assert judged("accuracy", 0.8607, 0.95, 0.88) == verdicts.INSIDE  # reached, though all readings lie above


def test_between_two_readings_is_inside_though_none_reaches_it():
    assert judged("bce", 0.28, 0.2, 0.4) == verdicts.INSIDE
    assert judged("bce", 0.28, 0.2, 0.21) == verdicts.OUTSIDE


def test_the_interval_of_ours_counts_where_it_is_given():
    assert not verdicts.agrees("accuracy", 0.8607, 0.92, CHEST)
    assert verdicts.agrees("accuracy", 0.8607, 0.92, CHEST, (0.85, 0.97))


def test_a_reported_loss_has_the_spread_of_ours():
    assert not verdicts.agrees("bce", 0.28, 0.35, CHEST, (0.29, 0.41))
    assert verdicts.agrees("bce", 0.28, 0.35, CHEST, (0.29, 0.41), (0.06, 0.06))


def test_sampling_intervals():
    low, high = verdicts.sampling_interval("accuracy", 791 / 919, CHEST)
    assert (low, high) == pytest.approx((0.837, 0.882), abs=1e-3)  # the text's own ± 2.2 points
    assert verdicts.sampling_interval("recall", 1.0, CHEST)[1] == pytest.approx(1)
    shares = verdicts.sampling_interval("recall", 635 / 641, CHEST)
    assert verdicts.sampling_interval("tp", 635, CHEST) == pytest.approx([641 * share for share in shares])
    low, high = verdicts.sampling_interval("roc_auc", 0.96, CHEST)
    assert low == pytest.approx(0.948, abs=2e-3) and high == pytest.approx(0.972, abs=2e-3)
    assert verdicts.sampling_interval("bce", 0.3, CHEST) == (0.3, 0.3)
    assert verdicts.sampling_interval("accuracy", 0.3, None) == (0.3, 0.3)


def test_figures_of_readings_are_read_off_or_computed():
    table = pd.DataFrame({"test_accuracy": [0.95], "test_recall": [0.5], "test_specificity": [1.0], "train_accuracy": [0.99]})
    values = {
        name: reported_vs_reproduced.of_readings(table, "test", name, (10, 4))
        for name in ("accuracy", "tp", "fn", "tn", "fp", "f1")
    }
    assert values == {"accuracy": [0.95], "tp": [5], "fn": [5], "tn": [4], "fp": [0], "f1": []}
    assert reported_vs_reproduced.of_readings(table, "test", "training accuracy minus test accuracy", (10, 4)) == pytest.approx(
        [0.04]
    )


def test_all_readings_count_beside_ours(monkeypatch):
    texts = {"a": {"source": "Doe", "combinations": "tiny", "images": CHEST, "figures": [{"metric": "accuracy", "value": 0.75}]}}
    found = pd.DataFrame({"test_accuracy": [0.95, 0.75, 0.76]})
    monkeypatch.setattr(reported_vs_reproduced, "load_readings", lambda name, profile, missing_ok: found)
    monkeypatch.setattr(reported_vs_reproduced.statistics, "figures", lambda *_: pd.DataFrame())
    monkeypatch.setattr(reported_vs_reproduced, "_of_runs", lambda *_: reported_vs_reproduced.Found("real", True, 1.0, 0.99, 1.0))
    row = reported_vs_reproduced.table({"a": ["a run"]}, texts).iloc[0]
    assert (row.verdict, row.readings, row.readings_reaching) == (verdicts.INSIDE, 4, 2)
