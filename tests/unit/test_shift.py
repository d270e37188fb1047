"""Shift between folders and patient keys, on tables whose answer is known by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.extras.benchmarks import shift


def manifest(train, test):
    rows = [(folder, *image) for folder, images in (("train", train), ("test", test)) for image in images]
    images = pd.DataFrame(rows, columns=["folder", "patient_id", "pathogen"])
    return images.assign(label=np.where(images.pathogen == "", "NORMAL", "PNEUMONIA"))


def test_keys_are_counted_with_and_without_the_pathogen():
    train = [("person1_bacteria", "bacteria"), ("person2_virus", "virus"), ("person3_virus", "virus"), ("IM-1", "")]
    test = [
        ("person1_virus", "virus"),
        ("person1_virus", "virus"),
        ("person2_virus", "virus"),
        ("person9_bacteria", "bacteria"),
        ("IM-2", ""),
    ]
    counts = shift.key_counts(manifest(train, test))
    chance = counts.pop("same pathogen by chance")
    assert {name: values[0] for name, values in counts.items()} == {
        "patients of test": 4,
        "patients in train and test": 1,  # person2_virus
        "numbers of test": 3,
        "numbers in train and test": 2,  # persons 1 and 2
        "images of these numbers": 3,
        "same pathogen": 1,
    }
    # Of the test patients' pathogens, virus, virus and bacteria, persons 1 and 2 are dealt two. Bacteria for person 1 (and so
    # virus for person 2) agrees twice, virus for both once, bacteria for person 2 never: each in a third of the deals.
    assert set(chance[1:]) == {0, 1, 2} and len(chance) == 1 + shift.RESAMPLES
    assert chance[0] == pytest.approx(np.mean(chance[1:])) == pytest.approx(1, abs=0.08)


@pytest.fixture
def images(monkeypatch):
    monkeypatch.setattr(shift, "RESAMPLES", 100)
    patients = np.repeat([f"p{number}" for number in range(100)], 2)
    return pd.DataFrame({"patient_id": patients, "domain": np.repeat([0.0, 1.0], 100)})


def test_domains_that_differ_are_told_apart_and_equal_ones_are_not(images):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    apart = shift.separation(x + 3 * images.domain.to_numpy()[:, None], images)
    alike = shift.separation(x, images)
    assert len(apart) == 101 and apart[0] > 0.98 and apart[1:].std() < 0.01
    low, high = np.percentile(alike[1:], (2.5, 97.5))
    assert low < 0.5 < high


def test_a_patient_is_scored_by_a_model_that_has_not_seen_it(images):
    # Both images of a patient have a feature of their own and nothing else: known by heart, they would be told apart.
    own = np.eye(100)[np.repeat(np.arange(100), 2)]
    assert abs(shift.separation(own, images)[0] - 0.5) < 0.1


def test_images_without_a_domain_are_left_out(images):
    images.loc[0:1, "domain"] = np.nan
    x = np.vstack([np.full((2, 1), np.inf), images.domain.to_numpy()[2:, None]])  # an infinite feature would be refused
    assert shift.separation(x, images)[0] == 1


def test_halves_of_train_keep_patients_whole_and_leave_test_out():
    train = [(f"IM-{number // 2}", "") for number in range(40)]
    images = manifest(train, [("IM-99", "")])
    half = pd.Series(shift._halves(images, 0))
    assert half[images.folder == "test"].isna().all()
    kept = half[images.folder == "train"]
    assert kept.groupby(images.patient_id).nunique().max() == 1 and 0.4 < kept.mean() < 0.6


def test_figures_and_tables_say_what_was_measured():
    parts = itertools.product(shift.FEATURES[1:], ("NORMAL", "PNEUMONIA"), (shift.TEST, shift.CONTROL))
    names = [", ".join(part) for part in parts]
    repeats = pd.DataFrame({name: np.linspace(0.6, 0.8, 101) for name in names})
    repeats.iloc[0] = 0.7
    counts = pd.Series(range(7), index=list(shift._KEYS))
    for name, value in counts.items():
        repeats[name] = pd.Series([float(value)])
    figures = shift.figures(repeats)
    assert figures.columns.tolist() == ["figure", "value", "ci_low", "ci_high"]
    table, keys = shift.table(figures), shift.keys(figures)
    assert table.features.unique().tolist() == list(shift.FEATURES[1:])  # no sizes were known
    assert table["train against test (95 % CI)"].tolist() == ["0.700 (0.607–0.795)"] * 4
    assert keys["count"].tolist() == [str(value) for value in counts] and keys["95 % range"].eq("").all()
