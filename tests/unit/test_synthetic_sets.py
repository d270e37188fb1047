"""The synthetic sets have the published layouts: what reads those reads these, and the signs can be seen."""

import numpy as np
import pytest

from cxr_helpers.data import image_files
from cxr_helpers.extras.other_sets import chestxray14, image_sets, skin_lesions, synthetic_sets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sets")


@pytest.mark.parametrize("name", ["nih", "skin", "skin_nevus", "brain"])
def test_every_image_can_be_read_and_both_classes_are_everywhere(folder, name):
    root = synthetic_sets.prepare(name, folder)
    layout = image_sets.LAYOUTS[name]
    table = layout.read(root)
    assert {image_files.read(path).pixels.shape for path in table.path} == {(synthetic_sets.SIDE, synthetic_sets.SIDE)}
    positive = table[list(layout.labels)].any(axis=1).astype(int) if layout.labels else table.y_true
    split, _ = image_sets.divide(table, positive)
    assert positive.groupby(split).nunique().to_dict() == {"train": 2, "val": 2, "test": 2}


def test_it_is_written_once_and_anew_when_a_file_of_the_stamp_changes(folder):
    root = synthetic_sets.prepare("brain", folder)
    (root / "mark").touch()
    assert (synthetic_sets.prepare("brain", folder) / "mark").exists()
    (root / "drawn_by.txt").write_text("another version")
    assert not (synthetic_sets.prepare("brain", folder) / "mark").exists()
    assert not list(folder.glob(".*"))


def test_a_rare_label_is_too_rare_to_be_learnt(folder):
    table = chestxray14.read_sample(synthetic_sets.prepare("nih", folder))
    counts = table[list(chestxray14.LABELS)].sum()
    assert 0 < counts.pop("Hernia") < image_sets.FEWEST <= counts.min()


def test_a_finding_brightens_its_place(folder):
    table = chestxray14.read_sample(synthetic_sets.prepare("nih", folder))
    side = synthetic_sets.SIDE
    x, y = (int(share * side) for share in synthetic_sets.place("Effusion"))
    base = np.s_[y - 4 : y + 4, x - 6 : x + 6]
    grey = table.path.map(lambda path: image_files.read(path).pixels[base].mean())
    assert grey[table.Effusion == 1].median() > grey[table.Effusion == 0].median() + 20


def test_melanomas_are_darker_than_the_others(folder):
    table = skin_lesions.read(synthetic_sets.prepare("skin", folder), "melanoma")
    grey = table.path.map(lambda path: np.percentile(image_files.read(path).pixels, 5))
    assert grey[table.y_true == 1].median() < grey[table.y_true == 0].median() - 10
