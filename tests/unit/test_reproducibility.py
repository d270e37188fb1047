"""What another process, thread or device changes in scores: measured on small runs, told in a table."""

import pandas as pd
import pytest

from cxr_helpers.extras.benchmarks import reproducibility


def pairs(what: str, way: str, there: list[float]) -> pd.DataFrame:
    here = [0.2, 0.4, 0.9]
    return pd.DataFrame({"what": what, "way": way, "image_id": list("abc"), "here": here, "there": there, "threshold": 0.5})


def test_figures_and_table_tell_differences_and_images_that_change_class():
    repeats = pd.concat([pairs("net", "again", [0.2, 0.4, 0.9]), pairs("net", "one thread", [0.21, 0.6, 0.4])])
    found = reproducibility.figures(repeats).set_index("figure").value
    assert found["net|again|largest"] == found["net|again|change class"] == 0
    assert found["net|one thread|largest"] == pytest.approx(0.5) and found["net|one thread|median"] == pytest.approx(0.2)
    assert found["net|one thread|change class"] == 2
    table = reproducibility.table(found.reset_index())
    assert table.values.tolist() == [["net", "again", 3, 0, 0, 0], ["net", "one thread", 3, "2e-01", "5e-01", 2]]
    assert table.columns[-1] == "change class"


def test_a_training_scores_every_image(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path))
    monkeypatch.setitem(reproducibility.TRAININGS, "head", ("mobilenetv2_final_224", {}, ""))  # a small stand-in in smoke
    found = reproducibility._scores("head", "smoke")
    assert len(found) > 100 and found.y_score.between(0, 1).all() and found.image_id.is_unique


def test_a_process_that_fails_says_why():
    with pytest.raises(reproducibility.CxrError, match="Scores by .*nonsense.* failed"):
        reproducibility._alone("head", "smoke", KERAS_BACKEND="nonsense")
