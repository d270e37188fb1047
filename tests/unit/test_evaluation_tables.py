"""Tables of the evaluation: made experiments whose figures can be checked, and the rule that test images choose nothing."""

import numpy as np
import pandas as pd
import pytest
from tiny_scores import random_scores

from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import paired
from cxr_helpers.extras.tables import evaluation_tables as evaluated
from cxr_helpers.tables import selection


def frame(seed, noise=0.0):
    """Return scores of validation and test images; equal images for all seeds, the scores corrupted by `noise`."""
    images = pd.concat([random_scores(seed=split, n=150).assign(split=name) for split, name in enumerate(("val", "test"))])
    images["image_id"] = images["split"] + images.image_id
    shift = np.random.default_rng(seed).normal(0, noise, len(images))
    return images.assign(y_score=(images.y_score + shift).clip(0, 1)).reset_index(drop=True)


@pytest.fixture
def found():
    return {"good": [frame(1), frame(2, 0.1)], "noisy": [frame(3, 0.5)], "blind": [frame(4).assign(y_score=0.6)]}


LIMITS = {"good": [0.5, 0.4], "noisy": [0.5], "blind": [0.5]}


def test_every_pair_is_compared_once_and_corrected_together(found):
    table = evaluated.pairs(found, LIMITS)
    assert list(zip(table.experiment, table.against, strict=True)) == [("good", "noisy"), ("good", "blind"), ("noisy", "blind")]
    gap = paired.auc_difference(*(selection.part(found[name]) for name in ("good", "noisy")))
    assert table.loc[0, ["auc", "auc_low", "auc_high", "auc_p"]].to_list() == gap.to_list()
    corrected = paired.holm([*table.auc_p, *table.accuracy_p])
    assert [*table.auc_holm, *table.accuracy_holm] == list(corrected)
    assert (table.auc_holm > table.auc_p).any()


def test_the_pairs_of_an_experiment_are_shown_as_they_were_compared(found):
    table = evaluated.pairs(found, LIMITS)
    ours = evaluated.against(table, "good").set_index("against")
    assert list(ours.index) == ["noisy", "blind"]
    for name, key in (("AUC", "auc"), ("accuracy", "accuracy")):
        columns = [f"difference in {name} (95 % CI){end}" for end in ("", "_low", "_high")]
        assert ours.loc["blind", columns].to_list() == table.loc[1, [key, f"{key}_low", f"{key}_high"]].to_list()
    assert ours["p, AUC, Holm"].noisy == table.auc_holm[0]


def test_a_threshold_counts_where_it_is_given_and_nowhere_else(found):
    pairs = evaluated.pairs(found, LIMITS | {"good": [0, 0], "noisy": [0]})
    assert pairs.accuracy[0] == 0 and pairs.auc[0] != 0  # both call all images PNEUMONIA


def test_an_ece_stands_beside_what_perfect_scores_would_show(found):
    table = evaluated.calibration_errors(found).set_index("experiment")
    (test,) = selection.part(found["good"][:1])
    perfect = metrics.perfect(test).loc["ece"]
    assert table.ECE.good == metrics.points(test).ece and table.bound.good == perfect.ci_high
    wrong = test.assign(y_score=1 - test.y_score)
    assert evaluated.calibration_errors({"wrong": [wrong]})["above the bound"].item() == "yes"
