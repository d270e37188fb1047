"""Shift between folders and patient keys, on tables whose answer is known by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.extras.benchmarks import shift


def manifest(train, test):
    rows = [(folder, *film) for folder, films in (("train", train), ("test", test)) for film in films]
    films = pd.DataFrame(rows, columns=["folder", "patient_id", "pathogen"])
    return films.assign(label=np.where(films.pathogen == "", "NORMAL", "PNEUMONIA"))


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
        "films of these numbers": 3,
        "same pathogen": 1,
    }
    # Of the test patients' pathogens, virus, virus and bacteria, persons 1 and 2 are dealt two. Bacteria for person 1 (and so
    # virus for person 2) agrees twice, virus for both once, bacteria for person 2 never: each in a third of the deals.
    assert set(chance[1:]) == {0, 1, 2} and len(chance) == 1 + shift.RESAMPLES
    assert chance[0] == pytest.approx(np.mean(chance[1:])) == pytest.approx(1, abs=0.08)


@pytest.fixture
def films(monkeypatch):
    monkeypatch.setattr(shift, "RESAMPLES", 100)
    patients = np.repeat([f"p{number}" for number in range(100)], 2)
    return pd.DataFrame({"patient_id": patients, "domain": np.repeat([0.0, 1.0], 100)})


def test_domains_that_differ_are_told_apart_and_equal_ones_are_not(films):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    apart = shift.separation(x + 3 * films.domain.to_numpy()[:, None], films)
    alike = shift.separation(x, films)
    assert len(apart) == 101 and apart[0] > 0.98 and apart[1:].std() < 0.01
    low, high = np.percentile(alike[1:], (2.5, 97.5))
    assert low < 0.5 < high


def test_a_patient_is_scored_by_a_model_that_has_not_seen_it(films):
    # Both films of a patient have a feature of their own and nothing else: known by heart, they would be told apart.
    own = np.eye(100)[np.repeat(np.arange(100), 2)]
    assert abs(shift.separation(own, films)[0] - 0.5) < 0.1


def test_films_without_a_domain_are_left_out(films):
    films.loc[0:1, "domain"] = np.nan
    x = np.vstack([np.full((2, 1), np.inf), films.domain.to_numpy()[2:, None]])  # an infinite feature would be refused
    assert shift.separation(x, films)[0] == 1


def test_halves_of_train_keep_patients_whole_and_leave_test_out():
    train = [(f"IM-{number // 2}", "") for number in range(40)]
    films = manifest(train, [("IM-99", "")])
    half = pd.Series(shift._halves(films, 0))
    assert half[films.folder == "test"].isna().all()
    kept = half[films.folder == "train"]
    assert kept.groupby(films.patient_id).nunique().max() == 1 and 0.4 < kept.mean() < 0.6


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
