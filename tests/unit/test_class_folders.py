"""Class folders of any name are read with or without parts, and refused where they are unclear."""

import pytest
from tiny_images import image, save

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import class_folders

CLASSES = {"no": 0, "normal": 0, "yes": 1, "abnormal": 1}


def lay_out(root, *names):
    for seed, name in enumerate(names):
        save(root / name, image(seed))
    return root


def told(root):
    table = class_folders.read(root, CLASSES)
    return {row.image_id: (row.split, row.y_true) for row in table.itertuples()}


def complaint(root):
    with pytest.raises(CxrError) as caught:
        class_folders.read(root, CLASSES)
    assert str(root) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_classes_without_parts_have_no_split(tmp_path):
    assert told(lay_out(tmp_path, "no/1 no.jpeg", "YES/Y1.jpg", "YES/Y1.png")) == {
        "no/1 no.jpeg": ("", 0),
        "YES/Y1.jpg": ("", 1),
        "YES/Y1.png": ("", 1),
    }


def test_parts_of_any_usual_name_are_splits(tmp_path):
    lay_out(tmp_path, "Training/normal/a.png", "Training/abnormal/b.png", "Testing/normal/a.png", "Testing/abnormal/c.png")
    assert told(tmp_path) == {
        **{"Training/normal/a.png": ("train", 0), "Training/abnormal/b.png": ("train", 1)},
        **{"Testing/normal/a.png": ("test", 0), "Testing/abnormal/c.png": ("test", 1)},
    }


def test_a_folder_around_the_set_and_a_second_copy_of_it_do_not_matter(tmp_path):
    lay_out(tmp_path, "a/brain/no/1.png", "a/brain/yes/2.png")
    assert list(told(tmp_path / "a")) == ["no/1.png", "yes/2.png"]
    lay_out(tmp_path, "b/no/1.png", "b/yes/2.png", "b/brain_tumor_dataset/no/1.png", "b/brain_tumor_dataset/yes/2.png")
    assert list(told(tmp_path / "b")) == ["no/1.png", "yes/2.png"]


def test_what_is_missing_or_unknown_is_named(tmp_path):
    assert "is no folder" in complaint(tmp_path / "nowhere")
    root = lay_out(tmp_path, "no/1.png")
    assert "lacks a class: it must hold no or normal, and yes or abnormal" in complaint(root)
    (root / "yes").mkdir()
    assert f"{root / 'yes'} is empty" in complaint(root)
    lay_out(root, "yes/2.png", "perhaps/3.png")
    assert f"{root / 'perhaps'} is no known class" in complaint(root)


def test_classes_beside_parts_are_refused(tmp_path):
    root = lay_out(tmp_path, "train/no/1.png", "train/yes/2.png", "no/1.png")
    assert "parts (train) and classes side by side" in complaint(root)
