"""Pairs of like width: counted by hand, and scores that know nothing but the width."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from tiny_scores import random_scores, scores

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import like_widths


def of(images, widths):
    return pd.Series(widths, index=images.image_id)


def test_pairs_of_like_width_by_hand():
    # Of width 1000: 0.9 and 0.4 against 0.6, one of two pairs; of width 2000: 0.3 against 0.1 and 0.2, both.
    images = scores([1, 1, 0, 1, 0, 0], [0.9, 0.4, 0.6, 0.3, 0.1, 0.2])
    table = like_widths.auc([images], of(images, [1000, 1000, 1040, 2000, 2000, 2090]), n_boot=200)
    assert table.value[like_widths.ALIKE] == 0.75 and table.value[like_widths.ALL] == pytest.approx(7 / 9)
    assert table.value[like_widths.DIFFERENCE] == pytest.approx(0.75 - 7 / 9)
    assert table.attrs["pairs"] == 4 and table.attrs["share"] == pytest.approx(4 / 9)


def test_a_score_that_only_knows_the_width_is_worth_nothing_among_like_ones():
    images = random_scores()
    wide = images.y_true + np.random.default_rng(0).normal(size=len(images)) > 0.5
    table = like_widths.auc([images.assign(y_score=np.where(wide, 0.8, 0.2))], of(images, np.where(wide, 2000, 1000)))
    assert table.value[like_widths.ALL] > 0.6
    assert table.loc[like_widths.ALIKE, ["value", "ci_low", "ci_high"]].to_list() == [0.5] * 3


def test_seeds_are_averaged_and_one_width_is_all_pairs():
    images = random_scores()
    other = images.assign(y_score=images.y_score[::-1].to_numpy())
    table = like_widths.auc([images, other], of(images, 1000))
    mean = np.mean([roc_auc_score(images.y_true, each.y_score) for each in (images, other)])
    assert table.value[like_widths.ALIKE] == pytest.approx(mean) and table.value[like_widths.ALL] == pytest.approx(mean)
    expected = metrics.evaluate([images, other]).loc["roc_auc", ["ci_low", "ci_high"]].to_list()
    assert table.loc[like_widths.ALIKE, ["ci_low", "ci_high"]].to_list() == pytest.approx(expected)


def test_an_unknown_width_is_named():
    images = random_scores()
    with pytest.raises(CxrError, match="set CXR_GEOMETRY"):
        like_widths.auc([images], of(images, np.nan))
