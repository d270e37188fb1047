"""Temperature and calibration error against values worked out by hand and known generators."""

import numpy as np
import pytest
from scipy.special import expit, logit
from tiny_scores import FOUR, random_scores, scores

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import temperature_scaling


def calibrated(n=20000, seed=0, temperature=1.0):
    """Return scores whose labels were drawn from them, and which then were sharpened: logits times `temperature`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.5, 2, n)
    y_true = (rng.random(n) < expit(logits)).astype(int)
    return scores(y_true, expit(logits * temperature), split="val")


def test_the_temperature_that_sharpened_the_scores_is_found():
    assert temperature_scaling.fit(calibrated(temperature=3)) == pytest.approx(3, rel=0.05)
    assert temperature_scaling.fit(calibrated(temperature=0.5)) == pytest.approx(0.5, rel=0.05)


def test_a_temperature_by_hand():
    # Two images at odds of 9:1, one of three wrong: the least cross-entropy is where the score is 2/3.
    images = scores([1, 1, 0, 0, 0, 1], [0.9, 0.9, 0.9, 0.1, 0.1, 0.1], split="val")
    temperature = temperature_scaling.fit(images)
    assert temperature_scaling.tempered(images, temperature).y_score[0] == pytest.approx(2 / 3, abs=1e-4)


def test_separated_images_stay_within_the_limits():
    assert temperature_scaling.fit(FOUR.assign(split="val", y_score=[0.9, 0.8, 0.2, 0.1])) >= temperature_scaling.TEMPERATURES[0]


@pytest.mark.parametrize("split", ["test", ["val", "val", "val", "test"]])
def test_a_test_score_is_refused(split):
    with pytest.raises(CxrError, match="validation only"):
        temperature_scaling.fit(FOUR.assign(split=split))


def test_scaling_keeps_the_order():
    images = random_scores()
    scaled = temperature_scaling.tempered(images, 2.5)
    assert metrics.points(scaled).roc_auc == metrics.points(images).roc_auc
    assert (abs(scaled.y_score - 0.5) <= abs(images.y_score - 0.5) + 1e-12).all()


def test_a_perfect_model_has_the_error_of_its_own_scores():
    # Two images at 0.5 in one bin: labels (0, 0) and (1, 1) miss by one half, the other two cases by nothing.
    found = metrics.perfect(scores([0, 1], [0.5, 0.5]), n_draws=20000)
    assert found.value.ece == pytest.approx(0.25, abs=0.01)
    assert found.value.brier == pytest.approx(0.25)
    assert list(found.loc["ece", ["ci_low", "ci_high"]]) == [0, 0.5]


def test_calibrated_scores_look_perfect_and_sharpened_ones_do_not():
    for temperature, inside in ((1, True), (3, False)):
        images = calibrated(n=600, temperature=temperature)
        found, reference = metrics.points(images), metrics.perfect(images)
        for name in ("ece", "brier"):
            assert (found[name] <= reference.ci_high[name]) == inside


def test_extreme_scores_keep_finite_logits():
    scaled = temperature_scaling.tempered(scores([1, 0], [1.0, 0.0]), 2.0).y_score
    assert scaled.to_numpy() == pytest.approx(expit(logit([1 - 1e-7, 1e-7]) / 2))
