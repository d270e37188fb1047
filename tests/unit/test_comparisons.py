"""Two ways are timed round by round, kept after every round, and read back as ratios with their spread."""

import json
import os
import types

import pandas as pd
import pytest

from cxr_helpers import experiments, paths
from cxr_helpers.base import stored_results
from cxr_helpers.data import splits
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import comparisons, ingest, training_time
from cxr_helpers.extras.benchmarks.harness import Comparison


def replaced(monkeypatch, prepare):
    """Let every comparison be what `prepare(name, profile)` returns."""
    module = types.SimpleNamespace(prepare=prepare)
    monkeypatch.setattr(comparisons, "MODULES", dict.fromkeys(comparisons.NAMES, module))


@pytest.fixture
def timed(workplace, monkeypatch):
    """A project whose comparisons have known costs; the list holds the ways in the order of their calls."""
    calls, costs = [], {"baseline": iter([6.0, 8.0, 30.0]), "ours": iter([2.0, 2.0, 3.0])}

    def way(name):
        return lambda place: calls.append(name) or next(costs[name])

    def prepare(name, profile):
        about = {"what_ours": "less", "seen": lambda costs: costs.ours.sum()}
        return Comparison({"baseline": way("baseline"), "ours": way("ours")}, 3, about)

    replaced(monkeypatch, prepare)
    return calls


def test_a_comparison_holds_ratios_costs_machine_and_rounds(timed, workplace):
    path = comparisons.run("ingest", "full")
    assert path == workplace / "reports" / "benchmarks" / "ingest.json"
    found = stored_results.benchmark("ingest", "full")
    assert (found["ratio_median"], found["ratio_min"], found["ratio_max"]) == (4, 3, 10)
    assert (found["name"], found["ours"], found["baseline"], found["unit"]) == ("ingest", 2, 8, "s")
    assert "cores" in found["machine"] and found["what_ours"] == "less" and found["seen"] == 7
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


def test_an_unknown_comparison_and_one_that_was_not_made_are_refused(timed):
    with pytest.raises(CxrError, match="'speed' is unknown: choose one of train_vgg16_thesis"):
        comparisons.run("speed", "full")
    with pytest.raises(CxrError, match="run `cxr bench fine_tune --profile full`"):
        stored_results.benchmark("fine_tune", "full")
    assert stored_results.benchmark("fine_tune", "full", missing_ok=True) is None
    comparisons.file("ingest", "full").parent.mkdir(parents=True)
    comparisons.file("ingest", "full").write_text("{")
    for read in (stored_results.benchmark, comparisons.run):
        with pytest.raises(CxrError, match="cannot be read"):
            read("ingest", "full")


def test_a_lost_file_of_the_same_rounds_is_written_again(timed, monkeypatch):
    made = Comparison({"baseline": lambda _: 6.0, "ours": lambda _: 2.0}, 1, also={"second_experiment": ("ours", {"note": "n"})})
    replaced(monkeypatch, lambda name, profile: made)
    path = comparisons.run("second_experiment", "full")
    path.unlink()
    assert comparisons.run("second_experiment", "full") == path
    assert stored_results.benchmark("second_experiment", "full")["ratio_median"] == 3


@pytest.mark.parametrize("name", comparisons.NAMES)
def test_every_comparison_has_a_module_that_prepares_it(name):
    assert callable(comparisons.MODULES[name].prepare)


def test_a_round_has_seeds_of_its_own_also_where_a_stopped_comparison_goes_on(timed, monkeypatch):
    seen = []
    made = Comparison({"baseline": lambda _: 2.0, "ours": lambda place: seen.append(place) or 1.0}, 3)
    replaced(monkeypatch, lambda name, profile: made)
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
    ways = {"baseline": lambda _: 8.0, "ours": lambda _: (4.0, {"auc": 0.9}), "second": lambda _: (2.0, {"auc": 0.8})}
    both = Comparison(ways, 1, about={"what_ours": "less"}, also={"second_experiment": ("second", {"what_ours": "less still"})})
    replaced(monkeypatch, lambda name, profile: both)
    comparisons.run("train_mobilenet_rahman", "full")
    first, second = (stored_results.benchmark(name, "full") for name in ("train_mobilenet_rahman", "second_experiment"))
    assert (first["ratio_median"], second["ratio_median"]) == (2, 4)
    assert (second["ours"], second["what_ours"], second["rounds_of"]) == (2, "less still", "train_mobilenet_rahman")
    assert (first["ours_auc"], first["second_auc"], second["ours_auc"]) == ([0.9], [0.8], [0.8])


def test_ingest_names_the_variable_that_it_needs(monkeypatch):
    monkeypatch.delenv("CXR_SAMPLE_DIR", raising=False)
    with pytest.raises(CxrError, match="CXR_SAMPLE_DIR"):
        ingest.prepare("ingest", "full")
