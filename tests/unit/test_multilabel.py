"""AUC per label against values worked out by hand; labels of one class are said, not dropped."""

import types

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import multilabel

LABELS = ("Mass", "Edema", "Hernia")


def scores(y_true, y_score, patients=None):
    """Return long test scores of images a, b, ... from (N, labels) arrays."""
    y_true = np.asarray(y_true)
    images = [chr(97 + number) for number in range(len(y_true))]
    table = pd.DataFrame({"image_id": images, "patient_id": patients or images, "split": "test"})
    return multilabel.long(table.assign(**dict(zip(LABELS, y_true.T, strict=True))), LABELS, np.asarray(y_score, float))


# Mass: all four pairs are in order. Edema: (b, a) and (b, c) are in order, (d, a) is not, (d, c) is a tie: 2.5 of 4.
TRUE = [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]]
SCORE = [[0.9, 0.4, 0.1], [0.8, 0.9, 0.1], [0.3, 0.2, 0.1], [0.1, 0.2, 0.1]]


def test_every_label_and_the_mean_by_hand():
    table = multilabel.evaluate([scores(TRUE, SCORE)], n_boot=50)
    assert table.index.tolist() == ["Mass", "Edema", "Hernia", "mean"]
    assert table.value["Mass"] == 1
    assert table.value["Edema"] == 2.5 / 4
    assert table.value["mean"] == (1 + 2.5 / 4) / 2
    assert table.positives.to_dict() == {"Mass": 2, "Edema": 2, "Hernia": 0, "mean": 4}


def test_a_label_of_one_class_is_said():
    table = multilabel.evaluate([scores(TRUE, SCORE)], n_boot=50)
    assert table.loc["Hernia", ["value", "ci_low", "ci_high"]].isna().all()


def test_intervals_are_those_of_the_binary_metrics():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, (60, 3))
    y_score = np.clip(rng.random((60, 3)) + 0.3 * y_true, 0, 1).round(2)
    runs = scores(y_true, y_score)
    images = [f"i{number}" for number in range(60)]
    patients = [f"p{number // 2:02d}" for number in range(60)]
    for column, values in (("image_id", images), ("patient_id", patients)):
        runs[column] = values * 3
    table = multilabel.evaluate([runs])
    for label in LABELS:
        binary = metrics.evaluate(runs[runs.label == label]).loc["roc_auc"]
        assert table.loc[label, ["value", "ci_low", "ci_high"]].to_list() == pytest.approx(binary.to_list())
    assert table.ci_low["mean"] < table.value["mean"] < table.ci_high["mean"]


def test_patients_are_drawn_whole():
    y_true, y_score = np.array(TRUE * 5), np.array(SCORE * 5)
    one = [f"p{number % 4}" for number in range(20)]
    wide = multilabel.evaluate([scores(y_true, y_score, one)]).loc["Edema"]
    narrow = multilabel.evaluate([scores(y_true, y_score)]).loc["Edema"]
    assert wide.ci_high - wide.ci_low > 1.5 * (narrow.ci_high - narrow.ci_low)


def test_blocks_of_resamples_change_nothing(monkeypatch):
    whole = multilabel.evaluate([scores(TRUE, SCORE)], n_boot=40)
    monkeypatch.setattr(multilabel, "_BLOCK", 8)
    pd.testing.assert_frame_equal(multilabel.evaluate([scores(TRUE, SCORE)], n_boot=40), whole)


def test_runs_are_averaged():
    worst = 1 - np.array(SCORE)
    table = multilabel.evaluate([scores(TRUE, SCORE), scores(TRUE, worst)], n_boot=20)
    assert table.loc["Edema", ["value", "ci_low", "ci_high"]].to_list() == pytest.approx([0.5] * 3)


def test_what_cannot_be_evaluated_is_refused():
    good = scores(TRUE, SCORE)
    for runs, sentence in (
        ([], "No run"),
        ([good, good[good.image_id != "a"]], "different images"),
        ([pd.concat([good, good])], "scored twice"),
        ([good.assign(y_score=good.y_score + 1)], "leaves"),
        ([good[good.label == "Hernia"]], "one class alone"),
    ):
        with pytest.raises(CxrError, match=sentence):
            multilabel.evaluate(runs, n_boot=10)


def test_figures_have_the_names_under_which_they_are_reported():
    run = types.SimpleNamespace(names={"scores"}, scores=scores(TRUE, SCORE), config=types.SimpleNamespace(seed=0))
    table = multilabel.figures([run], "test")
    assert table.value["AUC Mass"] == 1 and table.value["mean AUC"] == (1 + 2.5 / 4) / 2 and table.attrs["images"] == 4
    binary = types.SimpleNamespace(names={"scores"}, scores=scores(TRUE, SCORE).drop(columns="label"))
    assert multilabel.figures([binary], "test") is None


def test_folds_of_one_seed_are_put_together():
    whole = scores(TRUE, SCORE)
    ids = sorted(whole.image_id.unique())
    parts = [whole[whole.image_id.isin(some)] for some in (ids[:2], ids[2:])]
    folds = [types.SimpleNamespace(names={"scores"}, scores=part, config=types.SimpleNamespace(seed=0)) for part in parts]
    assert multilabel.figures(folds, "test").value["AUC Mass"] == 1
