"""AUC within strata: pairs counted by hand, and scores that know nothing but the stratum."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from tiny_scores import random_scores, scores

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import strata


def named(images, groups):
    return pd.Series(groups, index=images.image_id)


def test_pairs_of_one_stratum_by_hand():
    # Stratum a: 0.9 and 0.4 against 0.6, one of two pairs; stratum b: 0.3 against 0.1 and 0.2, both.
    images = scores([1, 1, 0, 1, 0, 0], [0.9, 0.4, 0.6, 0.3, 0.1, 0.2])
    table = strata.auc([images], named(images, list("aaabbb")), n_boot=200)
    assert list(table.index) == ["a", "b", strata.WITHIN, strata.ALL, strata.DIFFERENCE]
    assert table.value[["a", "b", strata.WITHIN]].to_list() == [0.5, 1, 0.75]
    assert table.value[strata.ALL] == pytest.approx(7 / 9)  # 0.4 and 0.3 stand below 0.6
    assert table.value[strata.DIFFERENCE] == pytest.approx(0.75 - 7 / 9)
    assert table[["normal", "pneumonia"]].to_numpy().tolist() == [[1, 2], [2, 1], [3, 3], [3, 3], [3, 3]]


def test_a_score_that_only_knows_the_stratum_is_worth_nothing_within():
    images = random_scores()
    groups = np.where(images.y_true + np.random.default_rng(0).normal(size=len(images)) > 0.5, "small", "wide")
    known = images.assign(y_score=np.where(groups == "small", 0.8, 0.2))
    table = strata.auc([known], named(images, groups))
    assert table.value[strata.ALL] > 0.6
    assert table.loc[strata.WITHIN, ["value", "ci_low", "ci_high"]].to_list() == [0.5] * 3


def test_seeds_are_averaged_and_one_stratum_is_all_images():
    images = random_scores()
    other = images.assign(y_score=images.y_score[::-1].to_numpy())
    table = strata.auc([images, other], named(images, "one"))
    mean = np.mean([roc_auc_score(images.y_true, each.y_score) for each in (images, other)])
    for row in ("one", strata.WITHIN, strata.ALL):
        assert table.value[row] == pytest.approx(mean)
    expected = metrics.evaluate_seeds([images, other]).loc["roc_auc"]
    assert table.loc["one", ["ci_low", "ci_high"]].to_list() == pytest.approx(expected[["ci_low", "ci_high"]].to_list())


def test_a_stratum_of_one_class_has_no_auc_and_no_pairs():
    images = scores([1, 0, 1, 1], [0.9, 0.4, 0.6, 0.3])
    table = strata.auc([images], named(images, list("aabb")), n_boot=200)
    assert table.loc["b", ["value", "ci_low", "ci_high"]].isna().all()
    assert table.value[strata.WITHIN] == 1


def test_a_stratum_with_few_images_of_a_class_has_no_interval():
    images = random_scores(n=100)
    groups = np.where(images.index.isin(images.index[images.y_true == 0][:4]) | (images.y_true == 1), "few", "none")
    groups[images.index[images.y_true == 1][:20]] = "none"
    table = strata.auc([images], named(images, groups), n_boot=200)
    assert np.isfinite(table.value.few) and table.loc["few", ["ci_low", "ci_high"]].isna().all()
    assert table.loc[["none", strata.WITHIN], ["ci_low", "ci_high"]].notna().all(axis=None)


def test_strata_have_the_limits_of_the_images_they_come_from():
    inner = strata.limits(np.arange(1.0, 102))
    assert list(inner) == [21, 41, 61, 81]
    found = strata.assign(np.array([5, 21, 70, 81, 500]), inner)
    assert list(found) == ["1: below 21", "2: 21 to 41", "4: 61 to 81", "5: from 81", "5: from 81"]


def test_unknown_widths_are_refused():
    with pytest.raises(CxrError, match="CXR_GEOMETRY"):
        strata.limits(np.array([100, np.nan]))
