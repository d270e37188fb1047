"""Two ways are timed round by round, kept after every round, and read back as ratios with their spread."""

import json
import os
import types

import pandas as pd
import pytest

from cxr_helpers import experiments, paths
from cxr_helpers.data import splits
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import comparisons, ingest, training_time
from cxr_helpers.extras.benchmarks.comparisons import Comparison


@pytest.fixture
def timed(tmp_path, monkeypatch):
    """A checkout without comparisons, and one whose costs are known; the list holds the ways in the order of their calls."""
    calls, costs = [], {"baseline": iter([6.0, 8.0, 30.0]), "ours": iter([2.0, 2.0, 3.0])}

    def way(name):
        return lambda: calls.append(name) or next(costs[name])

    def prepare(name, profile):
        return Comparison({"baseline": way("baseline"), "ours": way("ours")}, 3, what_ours="less", seen=lambda: len(calls))

    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(comparisons, "_module", lambda name: types.SimpleNamespace(prepare=prepare))
    return calls


def test_a_comparison_holds_ratios_costs_machine_and_rounds(timed, tmp_path):
    path = comparisons.run("ingest", "full")
    assert path == tmp_path / "reports" / "benchmarks" / "ingest.json"
    found = comparisons.load("ingest", "full")
    assert (found["ratio_median"], found["ratio_min"], found["ratio_max"]) == (4, 3, 10)
    assert (found["name"], found["ours"], found["baseline"], found["unit"]) == ("ingest", 2, 8, "s")
    assert "cores" in found["machine"] and found["what_ours"] == "less" and found["seen"] == 6
    assert [row["baseline"] for row in found["rounds"]] == [6, 8, 30]


def test_every_way_comes_first_in_some_round(timed):
    comparisons.run("ingest", "full")
    assert timed == ["baseline", "ours", "ours", "baseline", "baseline", "ours"]


def test_a_stopped_comparison_goes_on_where_it_was(timed, monkeypatch):
    comparisons.run("ingest", "full")
    path = comparisons.file("ingest", "full")
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"rounds": whole["rounds"][:3]}))
    timed.clear()
    comparisons.run("ingest", "full")
    assert timed == []
    path.write_text(json.dumps(whole | {"machine": "another", "rounds": whole["rounds"][:3]}))
    with pytest.raises(StopIteration):  # begins anew, and the costs are used up
        comparisons.run("ingest", "full")


def test_a_comparison_that_was_stopped_within_a_round_goes_on_there(timed, monkeypatch, tmp_path):
    monkeypatch.setattr(comparisons, "say", lambda line: 1 / ("round 1 of 3, ours" not in line))
    with pytest.raises(ZeroDivisionError):
        comparisons.run("ingest", "full")
    assert timed == ["baseline", "ours"] and comparisons.load("ingest", "full", missing_ok=True) is None
    monkeypatch.setattr(comparisons, "say", lambda line: None)
    comparisons.run("ingest", "full")
    assert timed == ["baseline", "ours", "ours", "baseline", "baseline", "ours"]
    assert [row["ours"] for row in comparisons.load("ingest", "full")["rounds"]] == [2, 2, 3]
    assert not list((tmp_path / "build").rglob("*.json"))


def test_an_unknown_comparison_and_one_that_was_not_made_are_refused(timed):
    with pytest.raises(CxrError, match="'speed' is unknown: choose one of train_vgg16_thesis"):
        comparisons.run("speed", "full")
    with pytest.raises(CxrError, match="run `cxr bench fine_tune --profile full`"):
        comparisons.load("fine_tune", "full")
    assert comparisons.load("fine_tune", "full", missing_ok=True) is None
    comparisons.file("ingest", "full").parent.mkdir(parents=True)
    comparisons.file("ingest", "full").write_text("{")
    for read in (comparisons.load, comparisons.run):
        with pytest.raises(CxrError, match="cannot be read"):
            read("ingest", "full")


def test_a_lost_file_of_the_same_rounds_is_written_again(timed, monkeypatch):
    made = Comparison({"baseline": lambda: 6.0, "ours": lambda: 2.0}, 1, also={"second_experiment": ("ours", {"note": "n"})})
    monkeypatch.setattr(comparisons, "_module", lambda name: types.SimpleNamespace(prepare=lambda name, profile: made))
    path = comparisons.run("second_experiment", "full")
    path.unlink()
    assert comparisons.run("second_experiment", "full") == path
    assert comparisons.load("second_experiment", "full")["ratio_median"] == 3


@pytest.mark.parametrize("name", comparisons.NAMES)
def test_every_comparison_has_a_module_that_prepares_it(name):
    assert callable(comparisons._module(name).prepare)


def test_a_round_has_seeds_of_its_own_also_where_a_stopped_comparison_goes_on(timed, monkeypatch):
    seen = []
    made = Comparison({"baseline": lambda: 2.0, "ours": lambda: seen.append(made.place) or 1.0}, 3)
    monkeypatch.setattr(comparisons, "_module", lambda name: types.SimpleNamespace(prepare=lambda name, profile: made))
    comparisons.run("ingest", "full")
    path = comparisons.file("ingest", "full")
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"rounds": whole["rounds"][:1]}))
    comparisons.run("ingest", "full")
    assert seen == [0, 1, 2, 1, 2]


def test_ratios_are_of_the_same_round():
    found = comparisons.summary("x", pd.DataFrame({"baseline": [1.0, 10.0], "ours": [1.0, 1.0], "other": [3.0, 5.0]}))
    assert (found["ratio_median"], found["ratio_min"], found["ratio_max"], found["other"]) == (5.5, 1, 10, 4)


def test_the_common_way_reads_the_protocols_own_division(tmp_path):
    training_time._link(tmp_path, "smoke", "official")
    table = splits.load("smoke", "official")
    for split, part in table.groupby("split"):
        assert len(list((tmp_path / split).glob("*/*"))) == len(part)


def test_ours_is_timed_in_a_build_folder_that_held_the_manifest_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path))
    before, seen, files = str(tmp_path), [], {"manifest.csv", "manifest.txt", "refused.csv"}
    paths.build("smoke").joinpath("packed").mkdir(parents=True)
    for name in files:
        paths.build("smoke").joinpath(name).write_text("")

    def train(config, profile):
        seen.append(set(os.listdir(paths.build(profile))))
        return 0.5, 7.0

    monkeypatch.setattr(training_time, "_train", train)
    ours = training_time.Ours(experiments.get("mobilenet_rahman", "smoke").configs[0], "smoke")
    (first, said), (second, _) = ours.train(0), ours.train_another(1)
    assert first >= 0 and second >= 0 and said == {"validation_auc": 0.5, "fitting_seconds": 7.0} and seen == [files, files]
    assert os.environ.get("CXR_BUILD_DIR") == before


def test_a_further_comparison_of_the_same_rounds_is_kept_by_its_name(timed, monkeypatch):
    ways = {"baseline": lambda: 8.0, "ours": lambda: (4.0, {"auc": 0.9}), "second": lambda: (2.0, {"auc": 0.8})}
    both = Comparison(ways, 1, also={"second_experiment": ("second", {"what_ours": "less still"})}, what_ours="less")
    monkeypatch.setattr(comparisons, "_module", lambda name: types.SimpleNamespace(prepare=lambda name, profile: both))
    comparisons.run("train_mobilenet_rahman", "full")
    first, second = (comparisons.load(name, "full") for name in ("train_mobilenet_rahman", "second_experiment"))
    assert (first["ratio_median"], second["ratio_median"]) == (2, 4)
    assert (second["ours"], second["what_ours"], second["rounds_of"]) == (2, "less still", "train_mobilenet_rahman")
    assert (first["ours_auc"], first["second_auc"], second["ours_auc"]) == ([0.9], [0.8], [0.8])


def test_ingest_names_the_variable_that_it_needs(monkeypatch):
    monkeypatch.delenv("CXR_SAMPLE_DIR", raising=False)
    with pytest.raises(CxrError, match="CXR_SAMPLE_DIR"):
        ingest.prepare("ingest", "full")
