"""Operating points: each rule against a case small enough to try every threshold by hand."""

import pytest
from tiny_scores import random_scores, scores

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics, operating_point
from cxr_helpers.extras.statistics import decision_rules

# From the highest score down, P and N for the classes: 0.9 P, 0.8 P, 0.7 N, 0.6 P, 0.5 N, 0.4 N, 0.3 P, 0.2 N.
EIGHT = scores([1, 1, 0, 1, 0, 0, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], split="val")


@pytest.mark.parametrize(
    ("rule", "figure", "threshold"),
    [
        (decision_rules.at_sensitivity, 0.75, 0.6),
        (decision_rules.at_sensitivity, 0.76, 0.3),
        (decision_rules.at_sensitivity, 1, 0.3),
    ],
)
def test_rules_by_hand(rule, figure, threshold):
    assert rule(EIGHT, figure) == threshold
    assert operating_point.choose(EIGHT) == 0.8  # J = 2/4 - 0 and, at 0.6, 3/4 - 1/4: equal, so the higher one


def test_the_chosen_threshold_keeps_its_promise_where_it_was_chosen():
    images = random_scores().assign(split="val")
    threshold = decision_rules.at_sensitivity(images, 0.95)
    above = sorted(score for score in set(images.y_score) if score > threshold)[0]
    recall = [metrics.evaluate(images, limit, n_boot=20).value.recall for limit in (threshold, above)]
    assert recall[0] >= 0.95 > recall[1]


@pytest.mark.parametrize("split", ["test", ["val"] * 7 + ["test"]])
def test_a_test_score_is_refused(split):
    with pytest.raises(CxrError, match="validation only"):
        operating_point.choose(EIGHT.assign(split=split))
