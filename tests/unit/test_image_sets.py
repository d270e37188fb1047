"""Sets are found by their variable and divided as they publish it, else by patient."""

import shutil

import cv2
import pandas as pd
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import image_sets, synthetic_sets


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


@pytest.mark.parametrize("name", image_sets.LAYOUTS)
def test_a_set_that_is_not_here_names_variable_folder_and_layout(name, tmp_path, monkeypatch):
    folder = image_sets.LAYOUTS[name].folder
    for given in ("", str(tmp_path)):
        monkeypatch.setenv("CXR_SETS_DIR", given)
        with pytest.raises(CxrError, match=f"set CXR_SETS_DIR to the folder that holds {folder}/"):
            image_sets.load(name, "full")


@pytest.fixture
def brain(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_SETS_DIR", str(tmp_path))
    synthetic_sets.write_brain(tmp_path / "brain_mri")
    return tmp_path / "brain_mri"


def test_the_variable_leads_to_the_set(brain):
    found = image_sets.load("brain", "full")
    assert found.root == brain
    assert set(found.table.split) == {"train", "val", "test"}
    assert found.table.y_true.mean() == 0.5


def test_five_folds_score_every_picture_once_and_part_no_copies(brain):
    shutil.copy(brain / "yes" / "Y1.jpg", brain / "yes" / "Y1_copy.jpg")
    saved_anew = cv2.imread(str(brain / "no" / "1 no.jpeg"))
    cv2.imwrite(str(brain / "no" / "other.jpg"), cv2.resize(saved_anew, (128, 120)))
    folds = [image_sets.load("brain", "full", f"patient_cv_{fold}").table for fold in range(5)]
    tested = pd.concat(table[table.split == "test"] for table in folds)
    assert sorted(tested.image_id) == sorted(folds[0].image_id)
    for table in folds:
        assert table.groupby("patient_id").split.nunique().max() == 1
    shared = folds[0][folds[0].patient_id.duplicated(keep=False)].groupby("patient_id").image_id.agg(set).tolist()
    assert {"yes/Y1.jpg", "yes/Y1_copy.jpg"} in shared and {"no/1 no.jpeg", "no/other.jpg"} in shared and len(shared) == 2


def test_a_set_with_parts_has_no_folds():
    with pytest.raises(CxrError, match="protocol='patient_cv_0' does not divide the set skin"):
        image_sets.load("skin", "smoke", "patient_cv_0")
