"""Which images are explained, and that what is stored comes back: a tiny model on four known images."""

import numpy as np
import pandas as pd
import pytest
from tiny_explained import explained
from tiny_models import detector

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import explanations
from cxr_helpers.extras.saliency import stored_maps
from cxr_helpers.tables import selection


def answered(rows: list[tuple]) -> pd.DataFrame:
    """Return answers at threshold 0.5 from (image_id, y_true, y_score)."""
    table = pd.DataFrame(rows, columns=["image_id", "y_true", "y_score"])
    table["y_predicted"] = (table.y_score >= 0.5).astype(int)
    outcomes = [selection.OUTCOMES[pair] for pair in zip(table.y_true, table.y_predicted, strict=True)]
    return table.assign(confidence=np.maximum(table.y_score, 1 - table.y_score), outcome=outcomes)


def test_the_most_and_the_least_confident_of_each_outcome_are_chosen():
    positives = [("tp middle", 1, 0.8), ("tp least", 1, 0.6), ("tp most", 1, 0.99)]
    negatives = [("tn least", 0, 0.4), ("tn b", 0, 0.01), ("tn a", 0, 0.01)]
    chosen = stored_maps.choose(answered([*negatives, ("fn only", 1, 0.3), *positives]))
    assert list(chosen.image_id) == ["tp most", "tp least", "fn only", "tn a", "tn least"]


@pytest.fixture
def record(workplace, monkeypatch):
    return explained(workplace, monkeypatch)


def test_what_is_built_is_what_is_loaded(record):
    built, loaded = explanations.of(record, "smoke"), explanations.load(record)
    pd.testing.assert_frame_equal(built.answers, loaded.answers)
    np.testing.assert_array_equal(built.images, loaded.images)
    np.testing.assert_allclose(built.maps["gradcam"], loaded.maps["gradcam"], atol=1e-3)
    values = built.maps["shap_partition"]
    np.testing.assert_allclose(values, loaded.maps["shap_partition"], atol=1e-3 * np.abs(values).max())
    assert built.about == loaded.about and loaded.about["run_id"] == record.run_id
    assert (record.folder / explanations.FILE).stat().st_size < 200_000


def test_images_maps_and_answers_belong_together(record):
    shown = explanations.of(record, "smoke")
    assert dict(zip(shown.answers.image_id, shown.answers.outcome, strict=True)) == {
        "a": "true positive",
        "b": "false negative",
        "c": "true negative",
        "d": "true negative",
    }
    of = {name: position for position, name in enumerate(shown.answers.image_id)}
    heat = shown.maps["gradcam"]
    assert heat[of["a"]][6:10, 6:10].min() > 0.9  # a: bright blob, explained as PNEUMONIA
    assert heat[of["d"]][22:26, 18:22].min() > 0.9  # d: dark blob, explained as NORMAL
    assert not heat[of["c"]].any()  # c: nothing to see


def test_stored_explanations_are_not_computed_again(record, monkeypatch):
    first = explanations.of(record, "smoke")
    monkeypatch.setattr(stored_maps, "_store", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(explanations.of(record, "smoke").images, first.images)


def test_a_model_that_is_not_the_records_is_refused(record):
    path = paths.build("smoke") / "models" / f"{record.run_id}.keras"
    detector(bias=1.0).save(path)
    with pytest.raises(CxrError, match="differs from run"):
        stored_maps.make(record, "smoke")
    path.unlink()
    with pytest.raises(CxrError, match="is not on this machine"):
        stored_maps.make(record, "smoke")


def test_broken_files_are_refused(record):
    record.add(explanations.FILE, b"PK\x03\x04 broken")
    with pytest.raises(CxrError, match="cannot be read"):
        explanations.load(record)
