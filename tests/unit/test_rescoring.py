"""Rescoring with a model that measures brightness, so that the score of an image of one grey value is known by hand."""

import numpy as np
import pandas as pd
import pytest
import tiny_external
from scipy.special import expit, logit
from tiny_models import GREY, SIDE, detector
from tiny_runs import stored

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.data import corruptions, packing
from cxr_helpers.extras.makers import rescored, saved
from cxr_helpers.records import Record
from cxr_helpers.training import rescoring


def probability(mean):
    """Return what the detector makes of an image of this mean grey value."""
    return 1 / (1 + np.exp(-3 * (mean / GREY - 1)))


def brightness(images):
    return probability(images.reshape(len(images), -1).mean(axis=1))


@pytest.fixture
def store(workplace, monkeypatch):
    """Runs of test images c (mid-grey) and d (dark), their saved model the detector; no adult images at hand."""
    greys = {"a": GREY, "b": 60, "c": GREY, "d": 60}

    def images(profile, names, size=224, variant="none"):
        return np.stack([np.full((size, size), greys[name], np.uint8) for name in names])

    monkeypatch.setattr(packing, "images", images)
    monkeypatch.setattr(saved, "of_run", lambda *_: detector())
    monkeypatch.delenv("CXR_EXTERNAL_DIR", raising=False)
    make = stored(monkeypatch)
    return lambda system="one", **options: make(system, [0.1, 0.9, 0.5, 0.2], model="custom_cnn", size=SIDE, **options)


def test_validation_images_are_scored_in_each_kind_of_corruption(store):
    run = store()
    table = rescoring.of(run, "smoke", rescoring.VALIDATION)
    assert not (run.folder / "external.csv").exists()
    assert table.columns.tolist() == ["image_id", "perturbation", "severity", "y_score"]
    assert set(table.image_id) == {"a", "b"} and set(table.severity) == {0, rescored.SEVERITY}
    assert len(table) == 2 * 2 * len(corruptions.CORRUPTIONS)
    found = table.set_index(["image_id", "perturbation", "severity"]).y_score
    assert found["b", "contrast", 2] == pytest.approx(probability(60), abs=1e-3)
    side = corruptions.SIDE
    kept = (side - 2 * round(corruptions.CORRUPTIONS["borders"][1] * side)) ** 2 / side**2
    assert found["a", "borders", 2] == pytest.approx(probability(kept * GREY), abs=0.01)


def test_adult_images_are_scored_where_they_are_at_hand(store, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(tiny_external.write(tmp_path / "adults")))
    run = store()
    rescored.rescore(run, "smoke", score=brightness)
    table = rescoring.of(run, "smoke", rescoring.EXTERNAL)
    assert table.columns.tolist() == ["image_id", "patient_id", "view", "finding", "y_true", "y_score"]
    assert table.image_id.tolist() == ["a", "b", "c"] and table.patient_id.tolist() == ["8", "007", "8"]
    assert table.y_true.tolist() == [1, 0, 1] and table.y_score.between(0.1, 0.9).all()


def test_what_is_stored_stays_and_a_stopped_call_goes_on(store, tmp_path, monkeypatch):
    run = store()
    rescored.rescore(run, "smoke", score=brightness)
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(tiny_external.write(tmp_path / "adults")))
    before, counted = (run.folder / rescoring.VALIDATION).read_bytes(), []

    def score(images):
        counted.append(len(images))
        return brightness(images)

    rescored.rescore(run, "smoke", score=score)
    assert counted == [3]  # the adult images only
    assert (run.folder / rescoring.VALIDATION).read_bytes() == before


def test_a_failure_leaves_no_part_of_a_file(store):
    run, calls = store(), []

    def score(images):
        calls.append(images)
        if len(calls) > 5:
            raise MemoryError
        return brightness(images)

    with pytest.raises(MemoryError):
        rescored.rescore(run, "smoke", score=score)
    assert sorted(path.name for path in run.folder.iterdir()) == ["run.json", "scores.csv"] and not run.has(rescoring.VALIDATION)


def test_missing_files_are_made_and_missing_adult_images_are_none(store):
    run = store()
    assert set(rescoring.of(run, "smoke", rescoring.VALIDATION).image_id) == {"a", "b"}
    assert rescoring.of(run, "smoke", rescoring.EXTERNAL) is None


def joining(kind, store, members, **info):
    """Return a run that joins others, with nothing stored but its scores."""
    run = store(kind, members=("one",))
    info = run.info | info | {"members": [member.run_id for member in members]}
    return Record(run.folder, Config(kind, members=("one",)), info)


def test_what_joins_networks_makes_its_scores_of_theirs_and_stores_none(store, monkeypatch):
    runs, biases = [store(), store()], iter((0.0, 2.0))
    monkeypatch.setattr(
        rescoring, "aligned", lambda runs: [pd.DataFrame({"y_score": [0.5]})] * len(runs)
    )  # one half, at any temperature
    monkeypatch.setattr(saved, "of_run", lambda *_: detector(bias=next(biases)))
    ensemble = joining("ensemble", store, runs)
    rescored.rescore(ensemble, "smoke")
    assert not (ensemble.folder / rescoring.VALIDATION).exists() and (runs[1].folder / rescoring.VALIDATION).exists()
    table = rescoring.of(ensemble, "smoke", rescoring.VALIDATION)
    mean = (0.5 + 1 / (1 + np.exp(-2))) / 2
    plain = table[(table.severity == 0) & (table.image_id == "a")]
    assert plain.y_score.tolist() == pytest.approx([mean] * len(corruptions.CORRUPTIONS), abs=1e-6)
    calibrated = joining("calibrated", store, [ensemble], temperature=2.0)
    monkeypatch.setattr(records, "read", lambda folder: {run.run_id: run for run in (*runs, ensemble)}[folder.name])
    tempered = rescoring.of(calibrated, "smoke", rescoring.VALIDATION)
    assert tempered.y_score.iloc[0] == pytest.approx(expit(logit(table.y_score.iloc[0]) / 2))
    assert rescoring.of(calibrated, "smoke", rescoring.EXTERNAL) is None
