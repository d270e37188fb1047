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
from cxr_helpers.plots import result_plots
from cxr_helpers.tables import open_choices, reported_vs_reproduced

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

    monkeypatch.setattr(open_choices, "claim", lambda name: TEXT)
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
    first = open_choices.load("tiny", "smoke")
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
    text = open_choices.claim(name)
    plan = readings.trainings(text, "full", "these")
    assert len(plan) * len(text["stopping"]["options"]) >= least
    assert len({training.key for training in plan}) == len(plan)
    assert open_choices.choices(text).why.str.len().gt(20).all()


def test_an_unknown_claim_is_one_sentence():
    with pytest.raises(CxrError, match="rahman"):
        open_choices.claim("nobody")


def test_the_curve_is_in_the_order_of_the_reported_split(heads):
    table = readings.make("tiny", "smoke")
    drawn = result_plots.specification_curve(table, TEXT, "accuracy", 0.9, (0.8, 0.95))
    values = drawn.axes[0].lines[1].get_ydata()
    assert list(values) == sorted(table.test_accuracy) and len(drawn.axes[1].get_yticks()) == 6


CHEST = (641, 278)


def judged(metric, reported, ours, readings):
    return open_choices.verdict(metric, reported, ours, readings, CHEST, open_choices.sampling_interval(metric, ours, CHEST))


def test_a_figure_within_both_samples_errors_is_consistent():
    assert judged("accuracy", 0.8607, 0.885, [0.885]) == open_choices.CONSISTENT
    assert judged("accuracy", 0.8607, 0.95, [0.86, 0.95]) == f"{open_choices.INSIDE} (1 of 2)"
    assert judged("accuracy", 0.8607, 0.95, [0.94, 0.95]) == f"{open_choices.OUTSIDE} (0 of 2)"


def test_between_two_readings_is_inside_though_none_reaches_it():
    assert judged("bce", 0.28, 0.2, [0.2, 0.4]) == f"{open_choices.INSIDE} (0 of 2)"
    assert judged("bce", 0.28, 0.2, [0.2, 0.284]) == f"{open_choices.INSIDE} (1 of 2)"  # 0.284 rounds to 0.28


def test_the_interval_of_ours_counts_where_it_is_given():
    assert not open_choices.agrees("accuracy", 0.8607, 0.92, CHEST)
    assert open_choices.agrees("accuracy", 0.8607, 0.92, CHEST, (0.85, 0.97))


def test_sampling_intervals():
    low, high = open_choices.sampling_interval("accuracy", 791 / 919, CHEST)
    assert (low, high) == pytest.approx((0.837, 0.882), abs=1e-3)  # the text's own ± 2.2 points
    assert open_choices.sampling_interval("recall", 1.0, CHEST)[1] == pytest.approx(1)
    low, high = open_choices.sampling_interval("roc_auc", 0.96, CHEST)
    assert low == pytest.approx(0.948, abs=2e-3) and high == pytest.approx(0.972, abs=2e-3)
    assert open_choices.sampling_interval("bce", 0.3, CHEST) == (0.3, 0.3)


def test_each_reported_figure_is_judged_by_ours_and_by_all_readings(monkeypatch):
    figures = [{"metric": "accuracy", "value": 0.75}, {"metric": "parameters", "value": 40407874}]
    monkeypatch.setattr(reported_vs_reproduced, "reported", lambda: {"mobilenet_rahman": {"figures": figures}})
    scores = pd.DataFrame({"y_true": [0, 1] * 20, "y_score": [0.1, 0.9] * 20})
    scores["image_id"] = scores["patient_id"] = [f"f{number}" for number in range(40)]
    text = TEXT | {"images": CHEST}
    table = open_choices.judged(text, pd.DataFrame({"test_accuracy": [0.95, 0.75, 0.76]}), [scores])
    assert table.metric.to_list() == ["Accuracy"] and table.ours.to_list() == [1]
    assert table.verdict.to_list() == [f"{open_choices.INSIDE} (2 of 3)"]
