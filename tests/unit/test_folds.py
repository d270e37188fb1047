"""Cross-validation: each fold, all images once, and the official test, from scores worked out by hand."""

import pandas as pd
import pytest
import tiny_runs

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.tables import fold_tables


@pytest.fixture
def runs(workplace, monkeypatch):
    """Two folds of four test images each, the first all right, the second with one error, and an official run."""
    store = tiny_runs.stored(monkeypatch)
    images = pd.DataFrame({"image_id": list("abcd"), "patient_id": list("pqrs"), "y_true": [0, 1, 0, 1], "split": "test"})
    others = images.assign(image_id=list("efgh"), patient_id=list("tuvw"))
    right, wrong = [0.1, 0.9, 0.2, 0.8], [0.1, 0.9, 0.85, 0.8]  # in the second, one of four pairs is ranked wrongly
    parts = [store("cv", right, images, seed=0, protocol="patient_cv_0")]
    parts.append(store("cv", wrong, others, seed=0, protocol="patient_cv_1"))
    return parts, [store("plain", wrong, images, protocol="official")]


def test_folds_stand_beside_all_of_them_and_the_official_test(runs):
    table = fold_tables.table(*runs).set_index("images")
    assert table["ROC AUC"].to_dict() == {
        "fold 1": 1.0,
        "fold 2": 0.75,
        "all folds": 14 / 16,  # of 4 × 4 pairs, 0.85 stands above 0.8 twice
        "official test, by folds": 1.0,  # the same images as in the first fold
        "official test": 0.75,
    }
    assert table.Accuracy.to_list() == [1.0, 0.75, 0.875, 1.0, 0.75] and table.n.to_list() == [4, 4, 8, 4, 4]
    assert (table["ROC AUC_low"] <= table["ROC AUC"]).all() and (table["ROC AUC"] <= table["ROC AUC_high"]).all()


def test_runs_that_are_no_folds_are_refused(runs):
    parts, official = runs
    for wrong in (official, [parts[0], parts[0]]):
        with pytest.raises(CxrError, match="needs one run per fold"):
            fold_tables.table(wrong, official)
