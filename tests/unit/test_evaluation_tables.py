"""Tables of the evaluation: made experiments whose figures can be checked, and the rule that test images choose nothing."""

import numpy as np
import pandas as pd
import pytest
from tiny_scores import random_scores, scores

from cxr_helpers.evaluation import calibration, metrics
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


@pytest.mark.parametrize("spoil", [lambda images: 1 - images.y_score, lambda images: 0.5])
def test_test_images_choose_nothing(found, spoil):
    for runs in found.values():
        spoilt = [run.assign(y_score=run.y_score.where(run.split == "val", spoil(run))) for run in runs]
        assert evaluated.thresholds(spoilt) == evaluated.thresholds(runs)
        assert evaluated.tempered(spoilt[0])[0] == evaluated.tempered(runs[0])[0]
        best, other = evaluated.best_run(runs), evaluated.best_run(spoilt)
        assert [best is run for run in runs] == [other is run for run in spoilt]


def test_results_stand_beside_the_spread_over_seeds(found):
    table = evaluated.results(found).set_index("experiment")
    areas = [metrics.points(run).roc_auc for run in selection.part(found["good"])]
    assert table["SD over seeds"].good == pytest.approx(abs(areas[0] - areas[1]) / 2**0.5)
    assert np.isnan(table["SD over seeds"].noisy) and list(table.seeds) == [2, 1, 1]
    assert table.loc["blind", ["ROC AUC", "ROC AUC_low", "ROC AUC_high"]].to_list() == [0.5] * 3
    assert table["ROC AUC"].good == pytest.approx(np.mean(areas))


def test_every_pair_is_compared_once_and_corrected_together(found):
    table = evaluated.pairs(found)
    assert list(zip(table.experiment, table.against, strict=True)) == [("good", "noisy"), ("good", "blind"), ("noisy", "blind")]
    gap = paired.auc_difference(*(selection.part(found[name]) for name in ("good", "noisy")))
    assert table.loc[0, ["auc", "auc_low", "auc_high", "auc_p"]].to_list() == gap.to_list()
    corrected = paired.holm([*table.auc_p, *table.accuracy_p])
    assert [*table.auc_holm, *table.accuracy_holm] == list(corrected)
    assert (table.auc_holm > table.auc_p).any()


def test_an_experiment_stands_on_the_left_of_its_own_table(found):
    table = evaluated.pairs(found)
    ours = evaluated.against(table, "noisy").set_index("against")
    theirs = evaluated.against(table, "good").set_index("against")
    assert list(ours.index) == ["good", "blind"]
    for name in ("difference in AUC (95 % CI)", "difference in accuracy (95 % CI)"):
        first = ours.loc["good", [name, f"{name}_low", f"{name}_high"]]
        second = theirs.loc["noisy", [name, f"{name}_high", f"{name}_low"]]
        assert first.to_list() == (-second).to_list()
    assert ours["p, AUC, Holm"].good == theirs["p, AUC, Holm"].noisy


def test_calibration_before_and_after_beside_perfect_models(found):
    run = found["good"][0]
    temperature, after = evaluated.tempered(run)
    table = evaluated.calibration_table(run).set_index("measure")
    assert list(table.index) == ["ECE", "Brier score", "Cross-entropy"]
    plain = metrics.evaluate(selection.part([run])[0])
    assert table["as recorded (95 % CI)"]["Brier score"] == pytest.approx(plain.value.brier)
    assert table["as recorded (95 % CI)_low"]["Brier score"] == pytest.approx(plain.ci_low.brier)
    assert table[f"temperature {temperature:.2f} (95 % CI)"]["Cross-entropy"] == pytest.approx(metrics.points(after).bce)
    row = evaluated.calibration_overview({"good": [run]}).iloc[0]
    assert row.temperature == temperature and row["ECE as recorded"] == table["as recorded (95 % CI)"].iloc[0]
    assert row.perfect == calibration.perfect(after).value.ece


def test_operating_points_by_rule():
    val = scores([1, 1, 0, 0], [0.9, 0.3, 0.5, 0.1], split="val").assign(image_id=list("abcd"))
    test = scores([1, 1, 1, 0, 0, 0], [0.95, 0.6, 0.2, 0.4, 0.35, 0.1])
    table = evaluated.operating_points(pd.concat([val, test])).set_index("figure")[list(evaluated.RULES)].T
    assert list(table.Threshold) == [0.9, 0.3, 0.3, 0.3]
    assert list(table["Sensitivity on validation"]) == [0.5, 1, 1, 1]
    assert list(table["Sensitivity on test"]) == pytest.approx([1 / 3, 2 / 3, 2 / 3, 2 / 3])
    assert list(table["Precision on test"]) == [1, 0.5, 0.5, 0.5]
