"""What the tables of classical models say, from scores worked out by hand."""

import types

import numpy as np
import pandas as pd

from cxr_helpers.extras.tables import classical_tables

IMAGES = pd.DataFrame({"image_id": range(40), "patient_id": range(40), "y_true": [0, 1] * 20}).astype({"patient_id": str})


def scored(y_score) -> list[pd.DataFrame]:
    return [IMAGES.assign(y_score=y_score)]


def test_pairs_are_higher_lower_or_open():
    right, noise = scored(0.1 + 0.8 * IMAGES.y_true), scored(np.random.default_rng(0).uniform(size=40))
    table = classical_tables.versus({"a": right, "b": noise, "c": right}, ["a", "b"], ["c"])
    assert table[["experiment", "against", "outcome"]].to_numpy().tolist() == [["a", "c", "open"], ["b", "c", "lower"]]
    assert table.difference[0] == 0
    assert classical_tables.versus({"a": right, "b": noise}, ["a"], ["b"], "accuracy").outcome.tolist() == ["higher"]


def test_the_settings_name_what_each_seed_chose():
    info = {"inputs": 100, "initialisation": "no network", "chosen": {"C": 0.01}, "training_time_s": 2.0, "model_bytes": 5e5}
    runs = [types.SimpleNamespace(info=info), types.SimpleNamespace(info=info | {"chosen": {"C": 10.0}, "training_time_s": 4.0})]
    row = classical_tables.settings({"svm": runs}).iloc[0]
    assert row.to_dict() == {
        "experiment": "svm",
        "inputs": 100,
        "network behind them": "no network",
        "chosen, by seed": "C 0.01; C 10",
        "s per run": 3.0,
        "file (MB)": 0.5,
    }
