"""Candidates are ranked, and the final model is chosen, on corrupted validation images, whatever the test images say."""

import numpy as np
import pandas as pd
import pytest
from tiny_candidates import IMAGES, maker
from tiny_runs import stored

from cxr_helpers.extras.makers import rescored
from cxr_helpers.tables import candidates
from cxr_helpers.training import rescoring

RIGHT, HALF = [0.2, 0.8, 0.2, 0.8], [0.2, 0.8, 0.8, 0.2]


@pytest.fixture
def make(workplace, monkeypatch):
    return maker(monkeypatch)


@pytest.fixture
def configurations(workplace, monkeypatch):
    """Two training configurations: "sure" is the better one on the test images, "calm" on corrupted validation images."""
    make = stored(monkeypatch)
    images = IMAGES.assign(patient_id=list("pqrspqrs"))
    test = {"sure": [0.1, 0.9, 0.1, 0.9], "calm": [0.6, 0.9, 0.1, 0.2]}
    corrupted = {"sure": [0.9, 0.9, 0.9, 0.9], "calm": [0.4, 0.6, 0.4, 0.6]}
    runs = {}
    for name, scores in test.items():
        runs[name] = [make(name, [0.1, 0.9, 0.2, 0.8, *scores], images) for _ in range(2)]
        for run in runs[name]:
            plain = pd.DataFrame({"image_id": list("abcd"), "perturbation": "noise", "severity": 0, "y_score": 0.5})
            table = pd.concat([plain, plain.assign(severity=2, y_score=corrupted[name])])
            run.add(rescoring.VALIDATION, rescored.encoded(table, rescoring.VALIDATION))
    return runs


def test_a_loss_is_the_mean_cross_entropy_of_the_corrupted_images_only(configurations):
    table = candidates.losses(configurations["sure"], "smoke")
    assert table.loss.tolist() == pytest.approx([-np.log(0.1), -np.log(0.9)] * 2)
    assert candidates.losses(configurations["calm"], "smoke").loss.tolist() == pytest.approx([-np.log(0.6)] * 4)


def test_the_order_is_that_of_the_loss_whatever_the_test_images_say(configurations):
    table = candidates.ranking(configurations, "sure", "smoke")
    assert table.experiment.tolist() == ["calm", "sure"] and table.seeds.tolist() == [2, 2] and table.SD.tolist() == [0, 0]
    assert table[candidates.LOSS].tolist() == pytest.approx([-np.log(0.6), -np.log(0.09) / 2])
    difference = -np.log(0.6) + np.log(0.09) / 2
    assert table[candidates.DIFFERENCE].iloc[0] == pytest.approx(difference) and np.isnan(table[candidates.DIFFERENCE].iloc[1])
    assert table[f"{candidates.DIFFERENCE}_low"].iloc[0] <= difference <= table[f"{candidates.DIFFERENCE}_high"].iloc[0]


def test_differences_are_paired_and_leave_the_reference_out(configurations):
    table = candidates.differences(configurations, "sure", "smoke")
    assert table.index.tolist() == ["calm"]
    assert table.value["calm"] == pytest.approx(-np.log(0.6) + np.log(0.09) / 2)
    assert table.ci_low["calm"] <= table.value["calm"] <= table.ci_high["calm"]


def test_the_least_loss_wins_whatever_the_test_images_say(make):
    runs = {"good on test": [make("x", HALF, RIGHT)]}
    runs["good on validation"] = [make("y", HALF, HALF), make("y", RIGHT, HALF)]
    assert next(iter(candidates.held(runs, "smoke"))) == "good on validation"
    assert candidates.choose(runs, "smoke").run_id == runs["good on validation"][1].run_id


def test_of_candidates_that_hold_the_result_the_smallest_is_taken(make, monkeypatch):
    """Two of four patients like one candidate better, two the other: not distinguishable. A third is worse on all images."""
    runs = {"large": [make("x", [0.1, 0.9, 0.45, 0.55], HALF)], "small": [make("y", [0.4, 0.6, 0.2, 0.8], HALF)]}
    runs["worse"] = [make("z", [0.6, 0.4, 0.6, 0.4], RIGHT)]
    sizes = {runs["large"][0].run_id: 3, runs["small"][0].run_id: 2, runs["worse"][0].run_id: 1}
    monkeypatch.setattr(candidates.rescoring, "networks", lambda run, profile: [run] * sizes[run.run_id])
    gaps = candidates.ranking(runs, next(iter(candidates.held(runs, "smoke"))), "smoke").set_index("experiment")
    assert gaps.index[-1] == "worse" and gaps[f"{candidates.DIFFERENCE}_low"].worse > 0
    assert gaps[f"{candidates.DIFFERENCE}_low"].iloc[1] < 0 < gaps[f"{candidates.DIFFERENCE}_high"].iloc[1]
    assert list(candidates.held(runs, "smoke")) == list(gaps.index[:2])
    assert candidates.choose(runs, "smoke").run_id == runs["small"][0].run_id
    sizes[runs["large"][0].run_id] = 1
    assert candidates.choose(runs, "smoke").run_id == runs["large"][0].run_id
