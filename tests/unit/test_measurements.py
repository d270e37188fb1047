"""Measurements are stored whole, read back as figures, and refused in one sentence where they are absent."""

import json
import types

import numpy as np
import pandas as pd
import pytest

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import measurements, scaling, speed


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A checkout without measurements, and a measuring module that counts its calls."""
    calls = []

    def measure(profile):
        calls.append(profile)
        return pd.DataFrame({"round": [0, 1, 2], "value": [1.0, 2.0, 6.0]})

    def figures(repeats):
        row = ("middle", repeats.value.median(), repeats.value.min(), repeats.value.max())
        return pd.DataFrame([row], columns=measurements.COLUMNS)

    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(measurements, "_module", lambda name: types.SimpleNamespace(measure=measure, figures=figures))
    return calls


def test_a_measurement_is_stored_with_its_repeats_and_its_machine(made, tmp_path):
    path = measurements.measure("speed", "full")
    assert path == tmp_path / "reports" / "measurements" / "speed.csv"
    assert measurements.load("speed", "full").to_dict("records") == [{"figure": "middle", "value": 2, "ci_low": 1, "ci_high": 6}]
    assert measurements.repeats("speed", "full").value.tolist() == [1, 2, 6]
    about = measurements.about("speed", "full")
    assert {"machine", "device", "load_before", "finished", "packages", "seconds", "git_revision"} <= set(about)
    assert about["packages"]["keras"] and "cores" in about["machine"] and about["profile"] == "full"
    assert about == json.loads((path.parent / "speed.json").read_text())


@pytest.mark.parametrize("read", [measurements.load, measurements.repeats, measurements.about])
def test_what_was_not_measured_names_the_command(read, made):
    with pytest.raises(CxrError, match="run `cxr measure speed --profile full`"):
        read("speed", "full")


def test_every_work_is_done_once_a_round_and_once_before():
    done = []
    works = {("one", "a"): lambda: done.append("a"), ("one", "b"): lambda: done.append("b")}
    rows = measurements.rounds(works, 3, np.random.default_rng(0), "test")
    assert len(done) == 8 and sorted(done[:2]) == ["a", "b"]
    assert sorted(row[:3] for row in rows) == [(place, "one", task) for place in range(3) for task in "ab"]
    assert all(row[3] >= 0 for row in rows)


def test_a_table_may_ask_without_being_refused(made):
    assert measurements.load("speed", "full", missing_ok=True) is None


@pytest.mark.parametrize("name", ["speed.csv", "speed_repeats.csv", "speed.json"])
def test_a_broken_file_is_named(made, name):
    path = measurements.measure("speed", "full").with_name(name)
    path.write_text("")
    read = {"speed.csv": measurements.load, "speed.json": measurements.about}.get(name, measurements.repeats)
    with pytest.raises(CxrError, match=f"{name} cannot be read.*cxr measure speed"):
        read("speed", "full")


def test_an_unknown_measurement_lists_the_known_ones():
    for call in (measurements.measure, measurements.load):
        with pytest.raises(CxrError, match="'sped' is unknown: choose one of accelerator, adults, candidates, "):
            call("sped", "smoke")


def test_smoke_measures_what_is_absent_and_full_refuses(made):
    assert measurements.load_or_measure("complexity", "smoke").figure.tolist() == ["middle"]
    measurements.load_or_measure("complexity", "smoke")
    assert made == ["smoke"]
    with pytest.raises(CxrError, match="cxr measure complexity --profile full"):
        measurements.load_or_measure("complexity", "full")
    assert made == ["smoke"]


def test_every_name_has_a_module_that_measures():
    modules = map(measurements._module, measurements.NAMES)
    assert all(callable(module.measure) and callable(module.figures) for module in modules)
    assert all(module.PLANS.keys() == {"full", "smoke"} for module in (scaling, speed))
