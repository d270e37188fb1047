"""Rates and net benefit of images few enough to count."""

import numpy as np
import pytest
from tiny_scores import FOUR, random_scores, scores

from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import decisions

# Called at 0.5: three of four pneumonias, one of two normal images.
SIX = scores([1, 1, 1, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.6, 0.1])


def test_rates_by_hand():
    found = decisions.rates(SIX, 0.5, n_boot=50).value
    assert found.to_dict() == pytest.approx({"sensitivity": 3 / 4, "specificity": 1 / 2, "ppv": 3 / 4, "npv": 1 / 2})


def test_predictive_values_follow_bayes_at_another_prevalence():
    found = decisions.rates(SIX, 0.5, prevalence=0.1, n_boot=50).value
    assert found.sensitivity == pytest.approx(3 / 4) and found.specificity == pytest.approx(1 / 2)
    assert found.ppv == pytest.approx(0.75 * 0.1 / (0.75 * 0.1 + 0.5 * 0.9))
    assert found.npv == pytest.approx(0.5 * 0.9 / (0.5 * 0.9 + 0.25 * 0.1))


def test_intervals_are_those_of_metrics():
    images = random_scores()
    ours, theirs = decisions.rates(images, 0.4), metrics.evaluate(images, 0.4)
    for name, other in {"sensitivity": "recall", "specificity": "specificity", "ppv": "precision"}.items():
        assert ours.loc[name].to_numpy() == pytest.approx(theirs.loc[other].to_numpy())


def test_net_benefit_by_hand():
    curve = decisions.net_benefit(FOUR, n_boot=50).set_index("threshold")
    # At 0.25 three images are called, one of them normal, whose price is a third; all: two normal ones.
    row = curve.iloc[24]
    assert row.name == pytest.approx(0.25)
    assert row.model == pytest.approx((2 - 1 / 3) / 4) and row.treat_all == pytest.approx((2 - 2 / 3) / 4)
    assert curve.model.iloc[-1] == 0  # at 0.99 no image is called
    assert curve.treat_all[0.5] == pytest.approx(0)


def test_net_benefit_at_another_prevalence():
    row = decisions.net_benefit(SIX, prevalence=0.1, n_boot=50).set_index("threshold").loc[0.5]
    assert row.model == pytest.approx(0.75 * 0.1 - 0.5 * 0.9) and row.treat_all == pytest.approx(0.1 - 0.9)


def test_the_band_holds_the_curve_of_calibrated_scores_above_both_defaults():
    curve = decisions.net_benefit(random_scores(n=400, ties=False))
    assert ((curve.ci_low <= curve.model) & (curve.model <= curve.ci_high)).all()
    middle = curve[curve.threshold.between(0.4, 0.6)]
    assert (middle.model > np.maximum(middle.treat_all, 0)).all()
