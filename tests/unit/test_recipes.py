"""Recipes: ranked by their loss on corrupted validation images, which is worked out by hand; the test images rank nothing."""

import numpy as np
import pandas as pd
import pytest
from tiny_runs import stored

from cxr_helpers.tables import training_configurations
from cxr_helpers.training import rescoring

IMAGES = pd.DataFrame(
    {
        "image_id": list("abcdefgh"),
        "patient_id": list("pqrspqrs"),
        "y_true": [0, 1] * 4,
        "split": ["val"] * 4 + ["test"] * 4,
    }
)


@pytest.fixture
def systems(tmp_path, monkeypatch):
    """Two recipes: "sure" is the better one on the test images, "calm" on corrupted validation images."""
    make = stored(tmp_path / "runs", monkeypatch)
    test = {"sure": [0.1, 0.9, 0.1, 0.9], "calm": [0.6, 0.9, 0.1, 0.2]}
    corrupted = {"sure": [0.9, 0.9, 0.9, 0.9], "calm": [0.4, 0.6, 0.4, 0.6]}
    runs = {}
    for name, scores in test.items():
        runs[name] = [make(name, [0.1, 0.9, 0.2, 0.8, *scores], IMAGES) for _ in range(2)]
        for run in runs[name]:
            run.info["training_time_s"] = 120.0
            plain = pd.DataFrame({"image_id": list("abcd"), "corruption": "noise", "severity": 0, "y_score": 0.5})
            table = pd.concat([plain, plain.assign(severity=2, y_score=corrupted[name])])
            table.to_csv(run.folder / rescoring.VALIDATION, index=False)
    return runs


def test_a_loss_is_the_mean_cross_entropy_of_the_corrupted_images_only(systems):
    table = training_configurations.losses(systems["sure"], "smoke")
    assert table.loss.tolist() == pytest.approx([-np.log(0.1), -np.log(0.9)] * 2)
    assert training_configurations.losses(systems["calm"], "smoke").loss.tolist() == pytest.approx([-np.log(0.6)] * 4)


def test_recipes_stand_in_the_order_of_that_loss_whatever_the_test_images_say(systems):
    table = training_configurations.ranking(systems, "sure", "smoke")
    assert table.recipe.tolist() == ["calm", "sure"] and table.seeds.tolist() == [2, 2]
    assert table[training_configurations.LOSS].tolist() == pytest.approx([-np.log(0.6), -np.log(0.09) / 2])
    assert table["difference (95 % CI)"].iloc[1] == "–" and table["difference (95 % CI)"].iloc[0].startswith("-0.693 (")
    assert table["ROC AUC, test"].iloc[1].startswith("1.000") and table["ROC AUC, test"].iloc[0].startswith("0.750")
    assert table.minutes.tolist() == [2, 2] and table["AUC, val"].tolist() == [1, 1]


def test_differences_are_paired_and_leave_the_reference_out(systems):
    table = training_configurations.differences(systems, "sure", "smoke")
    assert table.index.tolist() == ["calm"]
    assert table.loc["calm", "value"] == pytest.approx(-np.log(0.6) + np.log(0.09) / 2)
    assert table.loc["calm", "ci_low"] <= table.loc["calm", "value"] <= table.loc["calm", "ci_high"]
