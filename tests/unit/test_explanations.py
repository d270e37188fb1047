"""Which images are explained, and that what is stored comes back: a tiny model on four known images."""

import numpy as np
import pandas as pd
import pytest
from tiny_explained import explained
from tiny_models import detector

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import explanations


def answered(rows: list[tuple]) -> pd.DataFrame:
    """Return answers at threshold 0.5 from (image_id, y_true, y_score)."""
    table = pd.DataFrame(rows, columns=["image_id", "y_true", "y_score"])
    table["y_predicted"] = (table.y_score >= 0.5).astype(int)
    return table.assign(confidence=np.maximum(table.y_score, 1 - table.y_score))


def test_the_most_and_the_least_confident_of_each_outcome_are_chosen():
    positives = [("tp middle", 1, 0.8), ("tp least", 1, 0.6), ("tp most", 1, 0.99)]
    negatives = [("tn least", 0, 0.4), ("tn b", 0, 0.01), ("tn a", 0, 0.01)]
    chosen = explanations.choose(answered([*negatives, ("fn only", 1, 0.3), *positives]), per_outcome=2)
    assert list(chosen.image_id) == ["tp most", "tp least", "fn only", "tn a", "tn least"]


@pytest.fixture
def record(tmp_path, monkeypatch):
    return explained(tmp_path, monkeypatch)


def test_what_is_built_is_what_is_loaded(record):
    built, loaded = explanations.build(record, "smoke"), explanations.load(record)
    pd.testing.assert_frame_equal(built.answers, loaded.answers)
    np.testing.assert_array_equal(built.images, loaded.images)
    np.testing.assert_allclose(built.gradcam, loaded.gradcam, atol=1e-3)
    np.testing.assert_allclose(built.shap, loaded.shap, atol=1e-3 * np.abs(built.shap).max())
    assert built.about == loaded.about and loaded.about["run_id"] == record.run_id
    assert (record.folder / explanations.FILE).stat().st_size < 200_000


def test_images_maps_and_answers_belong_together(record):
    explanations.build(record, "smoke")
    shown = explanations.load(record)
    assert dict(zip(shown.answers.image_id, shown.answers.outcome, strict=True)) == {
        "a": "true positive",
        "b": "false negative",
        "c": "true negative",
        "d": "true negative",
    }
    of = {name: position for position, name in enumerate(shown.answers.image_id)}
    assert shown.gradcam[of["a"]][6:10, 6:10].min() > 0.9  # a: bright blob, explained as PNEUMONIA
    assert shown.gradcam[of["d"]][22:26, 18:22].min() > 0.9  # d: dark blob, explained as NORMAL
    assert not shown.gradcam[of["c"]].any()  # c: nothing to see
    assert "blank map" in shown.titles[of["c"]]
    assert shown.titles[of["a"]].splitlines()[:2] == ["true PNEUMONIA", "predicted PNEUMONIA"]
    assert list(shown.table["true label"]) == list(shown.answers.label)


def test_stored_explanations_are_not_computed_again(record, monkeypatch):
    first = explanations.of(record, "smoke")
    monkeypatch.setattr(explanations, "build", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(explanations.of(record, "smoke").images, first.images)


def test_agreement_of_known_maps():
    # Image 1: both maps rise from left to right. Image 2, called NORMAL: SHAP for PNEUMONIA falls, so for NORMAL it rises.
    rising = np.tile(np.arange(20.0), (20, 1))
    answers = pd.DataFrame({"y_predicted": [1, 0, 1], "outcome": ["true positive", "true negative", "false positive"]})
    heat = np.stack([rising, rising, np.zeros((20, 20))])
    shown = explanations.Explanations(answers, heat, heat, np.stack([rising, -rising, rising]), {})
    table = explanations.agreement(shown).set_index("outcome")
    assert table.loc["true positive", "rank correlation"] == pytest.approx(1)
    assert table.loc["true negative", "rank correlation"] == pytest.approx(1)
    assert np.isnan(table.loc["false positive", ["rank correlation", "Grad-CAM in the border"]].astype(float)).all()
    # Inside: 16 rows × the values 2..17 (sum 152) of 20 rows × 0..19 (sum 190).
    assert table.loc["true positive", "SHAP in the border"] == pytest.approx(1 - 16 * 152 / (20 * 190))
    assert table.loc["true positive", "border's area"] == pytest.approx(1 - 0.8**2)


def test_a_model_that_is_not_the_records_is_refused(record):
    path = paths.build("smoke") / "models" / f"{record.run_id}.keras"
    detector(bias=1.0).save(path)
    with pytest.raises(CxrError, match="differs from run"):
        explanations.build(record, "smoke")
    path.unlink()
    with pytest.raises(CxrError, match="is not on this machine"):
        explanations.build(record, "smoke")


def test_missing_broken_or_foreign_files_are_refused(record):
    with pytest.raises(CxrError, match="no stored explanations.*cxr train"):
        explanations.load(record)
    (record.folder / explanations.FILE).write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(CxrError, match="cannot be read"):
        explanations.load(record)
    explanations.build(record, "smoke")
    record.info["run_id"] = "another"
    with pytest.raises(CxrError, match="holds the explanations of run"):
        explanations.load(record)
