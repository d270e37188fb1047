"""Measurements are stored whole, read back as figures, and refused in one sentence where they are absent."""

import json
import types

import pandas as pd
import pytest

from cxr_helpers.base import stored_results
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import harness, measurements, scaling, speed

PARTS = (".csv", "_repeats.csv.gz", ".json")


@pytest.fixture
def made(workplace, monkeypatch):
    """A project without measurements, and measuring modules that note their calls."""
    calls = []

    def measure(profile):
        calls.append(profile)
        return pd.DataFrame({"round": [0, 1, 2], "value": [1.0, 2.0, 6.0]})

    def figures(repeats):
        row = ("middle", repeats.value.median(), repeats.value.min(), repeats.value.max())
        return pd.DataFrame([row], columns=harness.COLUMNS)

    module = types.SimpleNamespace(measure=measure, figures=figures)
    monkeypatch.setattr(measurements, "MODULES", dict.fromkeys(measurements.NAMES, module))
    return calls


def test_a_measurement_is_stored_with_its_repeats_and_its_machine(made, workplace):
    path = measurements.measure("speed", "full")
    assert path == workplace / "reports" / "measurements" / "speed.csv"
    row = {"figure": "middle", "value": 2, "ci_low": 1, "ci_high": 6}
    assert stored_results.measurement("speed", "full").to_dict("records") == [row]
    assert stored_results.measurement("speed", "full", part="_repeats.csv.gz").value.tolist() == [1, 2, 6]
    about = stored_results.measurement("speed", "full", part=".json")
    assert {"machine", "device", "load_before", "finished", "packages", "seconds", "git_revision"} <= set(about)
    assert about["packages"]["keras"] and "cores" in about["machine"] and about["profile"] == "full"
    assert about == json.loads((path.parent / "speed.json").read_text())


@pytest.mark.parametrize("part", PARTS)
def test_what_was_not_measured_names_the_command(part, made):
    with pytest.raises(CxrError, match="run `cxr measure speed --profile full`"):
        stored_results.measurement("speed", "full", part=part)


def test_a_table_may_ask_without_being_refused(made):
    assert stored_results.measurement("speed", "full", missing_ok=True) is None
    assert stored_results.benchmark("fine_tune", "full", missing_ok=True) is None


@pytest.mark.parametrize("part", PARTS)
def test_a_broken_file_is_named(made, part):
    path = measurements.measure("speed", "full").with_name(f"speed{part}")
    path.write_bytes(path.read_bytes()[:-8] if part.endswith(".gz") else b"")
    with pytest.raises(CxrError, match=f"speed{part} cannot be read.*cxr measure speed"):
        stored_results.measurement("speed", "full", part=part)


def test_an_unknown_measurement_lists_the_known_ones():
    with pytest.raises(CxrError, match="'sped' is unknown: choose one of complexity, copies, "):
        measurements.measure("sped", "smoke")


def test_smoke_measures_what_is_absent_and_full_refuses(made):
    assert measurements.load_or_measure("complexity", "smoke").figure.tolist() == ["middle"]
    measurements.load_or_measure("complexity", "smoke")
    assert made == ["smoke"]
    with pytest.raises(CxrError, match="cxr measure complexity --profile full"):
        measurements.load_or_measure("complexity", "full")
    assert made == ["smoke"]


def test_every_name_has_a_module_that_measures():
    assert all(callable(module.measure) and callable(module.figures) for module in measurements.MODULES.values())
    assert all(each.keys() == {"full", "smoke"} for each in (scaling.PLANS, speed.SIDE, speed.ROUNDS))


def test_every_work_is_done_once_a_round_and_once_before():
    done = []
    works = {("one", "a"): lambda: done.append("a"), ("one", "b"): lambda: done.append("b")}
    rows = harness.rounds(works, 3, "test")
    assert len(done) == 8 and sorted(done[:2]) == ["a", "b"]
    found = rows[["round", "network", "task"]].itertuples(index=False, name=None)
    assert sorted(found) == [(place, "one", task) for place in range(3) for task in "ab"]
    assert (rows.value >= 0).all()
