"""Sets are found by their variable and divided as they publish it, else by patient."""

import pandas as pd
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import image_sets


def table(*parts):
    """Return 100 images of 50 patients (two each, every other patient positive) for every part."""
    rows = [(f"{part}{image}", f"{part}{image // 2}", part, image // 2 % 2) for part in parts for image in range(100)]
    return pd.DataFrame(rows, columns=["image_id", "patient_id", "split", "y_true"])


def divided(*parts, seed=0):
    images = table(*parts)
    split, words = image_sets.divide(images, images.y_true, seed)
    assert images.split.tolist() == table(*parts).split.tolist(), "the caller's table was changed"
    return images.assign(split=split), words


def test_published_parts_stay_and_validation_is_carved_by_patient():
    images, words = divided("train", "test")
    assert (images.split == "test").sum() == 100 and (images.split == "val").sum() == 10
    assert images.groupby("patient_id").split.nunique().max() == 1
    assert words == "test and train as published; validation = 10% of the patients of training, drawn with seed 0"
    assert divided("train", "val", "test")[1] == "test and train and val as published"


@pytest.mark.parametrize("part", ["", "train"])
def test_without_published_parts_patients_are_drawn_in_proportion(part):
    images, words = divided(part)
    assert images.split.value_counts().to_dict() == {"train": 72, "test": 20, "val": 8}
    assert images.groupby("patient_id").split.nunique().max() == 1
    assert images[images.split == "test"].y_true.mean() == 0.5
    assert words.startswith("test = 20% of the patients, drawn with seed 0")


def test_the_seed_alone_decides():
    assert divided("")[0].split.equals(divided("")[0].split)
    assert not divided("")[0].split.equals(divided("", seed=1)[0].split)


def test_sets_that_cannot_be_divided_are_refused():
    with pytest.raises(CxrError, match="parts for test, val but none for training"):
        divided("test", "val")
    few = table("")[:4]
    with pytest.raises(CxrError, match="2 patients are too few"):
        image_sets.divide(few, few.y_true)


def test_the_overview_names_every_variable():
    overview = image_sets.overview()
    assert overview.variable.tolist() == ["CXR_CHESTXRAY14_DIR", "CXR_SKIN_DIR", "CXR_BRAIN_DIR"]
    assert overview["told apart"].tolist() == ["14 labels, several may hold", "melanoma or not", "abnormal or not"]


@pytest.mark.parametrize("name", image_sets.LAYOUTS)
def test_a_set_that_is_not_here_names_its_variable_and_layout(name, monkeypatch):
    layout = image_sets.LAYOUTS[name]
    monkeypatch.delenv(layout.variable, raising=False)
    with pytest.raises(CxrError, match=f"set {layout.variable} to the folder that holds"):
        image_sets.load(name, "full")


def test_the_variable_leads_to_the_set(tmp_path, monkeypatch):
    from cxr_helpers.extras.other_sets import synthetic_sets

    synthetic_sets.write_brain(tmp_path)
    monkeypatch.setenv("CXR_BRAIN_DIR", str(tmp_path))
    found = image_sets.load("brain", "full")
    assert found.root == tmp_path
    assert set(found.table.split) == {"train", "val", "test"}
    assert found.table.y_true.mean() == 0.5
