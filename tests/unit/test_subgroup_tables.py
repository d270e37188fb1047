"""Parts of the test images: counts and pairs worked out by hand on images few enough to list."""

import numpy as np
import pandas as pd
import pytest
from tiny_scores import scores

from cxr_helpers.extras.statistics import like_widths
from cxr_helpers.extras.tables import subgroup_tables as subgroups

# Three normal test images and four pneumonias; person 1 and person 2 also have images in the training folder.
IMAGES = pd.DataFrame(
    [
        ("n1", "IM-1", "test", "", 0, 1500), ("n2", "IM-2", "test", "", 0, 1600), ("n3", "IM-3", "test", "", 0, 900),
        ("p1", "person1_virus", "test", "virus", 1, 1000), ("p2", "person2_bacteria", "test", "bacteria", 1, 800),
        ("p3", "person3_bacteria", "test", "bacteria", 1, 700), ("p4", "person4_virus", "test", "virus", 1, 1550),
        ("t1", "IM-9", "train", "", 0, 1700), ("t2", "person1_bacteria", "train", "bacteria", 1, 600),
        ("t3", "person2_virus", "train", "virus", 1, 650), ("t4", "IM-8", "train", "", 0, 1650),
    ],
    columns=["image_id", "patient_id", "folder", "pathogen", "y_true", "width"],
)  # fmt: skip
IMAGES = IMAGES.assign(label=IMAGES.y_true.map({0: "NORMAL", 1: "PNEUMONIA"}), height=500.0, mean=100.0 + IMAGES.index, std=50.0)


def scored(values, images=IMAGES):
    """Return test scores of `images` and four validation images between which 0.5 is the best threshold."""
    test = scores(images.y_true.to_list(), values, images.patient_id.to_list()).assign(image_id=images.image_id.to_numpy())
    val = scores([1, 1, 0, 0], [0.9, 0.5, 0.4, 0.1], split="val").assign(image_id=list("wxyz"))
    return pd.concat([test, val], ignore_index=True)


TEST = IMAGES[IMAGES.folder == "test"]
RUN = scored([0.1, 0.2, 0.7, 0.4, 0.9, 0.6, 0.8], TEST)  # n3 is a false alarm, p1 is missed


def test_pairs_of_like_width_are_counted_for_every_experiment():
    # Of like width are 1,500 and 1,600 to 1,550 (0.8 against 0.1 and 0.2): both in order.
    table = subgroups.like_width({"a": [RUN], "b": [RUN.assign(y_score=0.5)]}, IMAGES).set_index("experiment")
    assert table[like_widths.ALIKE].to_list() == [1, 0.5] and table.attrs["pairs"] == 2
    assert table[like_widths.ALL]["a"] == pytest.approx(10 / 12) and table.attrs["share"] == pytest.approx(2 / 12)
    assert table["difference (95 % CI)"]["a"] == pytest.approx(1 - 10 / 12)
    assert subgroups.like_width({"a": [RUN]}, IMAGES.assign(width=np.nan)) is None


def test_folders_split_the_pneumonias_by_their_number():
    folds = scored([0.1, 0.2, 0.3, 0.9, 0.9, 0.8, 0.8, 0.1, 0.9, 0.2, 0.6])
    table = subgroups.folders([folds[folds.split == "test"]], [RUN[RUN.split == "test"]], IMAGES).set_index("images")
    assert table.n.to_list() == [4, 7, 5, 5]  # persons 1 and 2 occur elsewhere, with other pathogens
    assert list(table["by folds"]) == [0.75, 1, 1, 1]
    assert list(table["by the official split"].iloc[1:]) == pytest.approx([10 / 12, 5 / 6, 5 / 6])
    assert pd.isna(table["by the official split"].iloc[0])
    assert table["difference (95 % CI)"].iloc[1] == pytest.approx(1 - 10 / 12)


def test_without_numbers_there_is_no_row_for_them():
    images = IMAGES.assign(patient_id=IMAGES.image_id)
    folds = scored([0.1, 0.2, 0.3, 0.9, 0.9, 0.8, 0.8, 0.1, 0.9, 0.2, 0.6], images)
    table = subgroups.folders([folds[folds.split == "test"]], [scored(RUN.y_score[:7].to_list(), images[:7])], images)
    assert list(table.images) == ["other folders", "test folder", "test folder, pneumonias whose number does not"]


@pytest.fixture
def answers():
    table = RUN[RUN.split == "test"].assign(y_predicted=lambda run: (run.y_score >= 0.5).astype(int))
    table["label"], table["predicted"] = (table[name].map({0: "NORMAL", 1: "PNEUMONIA"}) for name in ("y_true", "y_predicted"))
    table["confidence"] = np.where(table.y_predicted == 1, table.y_score, 1 - table.y_score)
    return table.assign(correct=table.y_true == table.y_predicted)


def test_every_error_stands_with_what_may_explain_it(answers):
    folds = TEST[["image_id", "y_true"]].assign(y_score=[0.1, 0.1, 0.95, 0.9, 0.9, 0.9, 0.9])
    table = subgroups.errors(answers, IMAGES, folds)
    assert table.image_id.tolist() == ["n3", "p1"] and table.predicted.tolist() == ["PNEUMONIA", "NORMAL"]
    assert table.width.tolist() == [900, 1000] and table.pathogen.tolist() == ["", "virus"]
    assert table.out_of_fold.tolist() == [0.95, 0.9] and table.label_doubted.tolist() == ["yes", "no"]
    assert table.brightness[0] == 60  # third of five normal images
    unknown = subgroups.errors(answers, IMAGES, folds[folds.image_id != "n3"])
    assert unknown.label_doubted.tolist() == ["", "no"]


def test_without_errors_the_table_is_empty(answers):
    perfect = answers.assign(predicted=answers.label, correct=True)
    assert subgroups.errors(perfect, IMAGES, TEST.assign(y_score=0.5)).empty
