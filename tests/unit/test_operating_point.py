"""Operating points: each rule against a case small enough to try every threshold by hand."""

import pytest
from tiny_scores import scores

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics

# From the highest score down, P and N for the classes: 0.9 P, 0.8 P, 0.7 N, 0.6 P, 0.5 N, 0.4 N, 0.3 P, 0.2 N.
EIGHT = scores([1, 1, 0, 1, 0, 0, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], split="val")


def test_the_largest_index_is_found_by_hand():
    assert metrics.operating_point(EIGHT) == 0.8  # J = 2/4 - 0 and, at 0.6, 3/4 - 1/4: equal, so the higher one


@pytest.mark.parametrize("split", ["test", ["val"] * 7 + ["test"]])
def test_a_test_score_is_refused(split):
    with pytest.raises(CxrError, match="validation only"):
        metrics.operating_point(EIGHT.assign(split=split))
