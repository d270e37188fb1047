"""Two ways are timed round by round, kept after every round, and read back as ratios with their spread."""

import json
import os
import sys
import types

import pandas as pd
import pytest

from cxr_helpers import experiments, paths
from cxr_helpers.base import stored_results
from cxr_helpers.data import splits
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import comparisons, first_minutes, training_time
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
    path = comparisons.run("extract_vgg16", "full")
    assert path == workplace / "reports" / "benchmarks" / "extract_vgg16.json"
    found = stored_results.benchmark("extract_vgg16", "full")
    assert (found["ratio_median"], found["ratio_min"], found["ratio_max"]) == (4, 3, 10)
    assert (found["name"], found["ours"], found["baseline"]) == ("extract_vgg16", 2, 8)
    assert "cores" in found["machine"] and found["what_ours"] == "less" and found["seen"] == 7
    assert [row["baseline"] for row in found["rounds"]] == [6, 8, 30]


def test_every_way_comes_first_in_some_round(timed):
    comparisons.run("extract_vgg16", "full")
    assert timed == ["baseline", "ours", "ours", "baseline", "baseline", "ours"]


def test_an_unknown_comparison_and_one_that_was_not_made_are_refused(timed):
    with pytest.raises(CxrError, match="'speed' is unknown: choose one of train_vgg16_thesis"):
        comparisons.run("speed", "full")
    with pytest.raises(CxrError, match="run `cxr bench fine_tune --profile full`"):
        stored_results.benchmark("fine_tune", "full")
    assert stored_results.benchmark("fine_tune", "full", missing_ok=True) is None
    comparisons.file("extract_vgg16", "full").parent.mkdir(parents=True)
    comparisons.file("extract_vgg16", "full").write_text("{")
    with pytest.raises(CxrError, match="cannot be read"):
        stored_results.benchmark("extract_vgg16", "full")


@pytest.mark.parametrize("name", comparisons.NAMES)
def test_every_comparison_has_a_module_that_prepares_it(name):
    assert callable(comparisons.MODULES[name].prepare)


def test_a_round_has_seeds_of_its_own(timed, monkeypatch):
    seen = []
    made = Comparison({"baseline": lambda _: 2.0, "ours": lambda place: seen.append(place) or 1.0}, 3)
    replaced(monkeypatch, lambda name, profile: made)
    comparisons.run("extract_vgg16", "full")
    assert seen == [0, 1, 2]


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
        seen.append((config.seed, set(os.listdir(paths.build(profile)))))
        return 0.5, 7.0

    monkeypatch.setattr(training_time, "_train", train)
    config = experiments.get("mobilenet_rahman", "smoke").configs[0]
    spent, said = training_time._all_of_it(config, "smoke", 1)
    assert spent >= 0 and said == {"validation_auc": 0.5, "fitting_seconds": 7.0} and seen == [(1, files)]
    assert os.environ.get("CXR_BUILD_DIR") == before


def test_what_a_way_says_beside_its_seconds_is_kept_by_round(timed, monkeypatch):
    ways = {"baseline": lambda _: 8.0, "ours": lambda place: (4.0, {"auc": 0.9 + place / 100})}
    replaced(monkeypatch, lambda name, profile: Comparison(ways, 2))
    comparisons.run("train_mobilenet_rahman", "full")
    assert stored_results.benchmark("train_mobilenet_rahman", "full")["ours_auc"] == [0.9, 0.91]


def test_first_minutes_time_commands_and_count_a_table_by_image(workplace, monkeypatch):
    """A command that takes 0.2 s an image and 1 s to start: an image is 0.2 s; the network's share is its goal."""

    def run(command, parts, folder):
        return 1 + 0.2 * sum(len(list((folder / name).iterdir())) for name in ("one", "images") if f"{{{name}}}" in parts)

    one = first_minutes.Command(["cxr", "{image}"], 40)
    table = first_minutes.Command(["cxr", "{images}"], None, 2, table=True)
    monkeypatch.delenv("CXR_DATA_DIR", raising=False)
    monkeypatch.setattr(first_minutes, "IMAGES", 12)
    monkeypatch.setattr(
        first_minutes, "COMMANDS", {"set-up": one, "records": first_minutes.Command([], 1, real=True), "table": table}
    )
    monkeypatch.setattr(first_minutes, "_run", run)
    monkeypatch.setattr(first_minutes, "_network_alone", lambda folder: 0.19)
    set_up, found = json.loads(first_minutes.measure("full").read_text())
    assert (set_up["what"], set_up["seconds"], set_up["goal"], set_up["megabytes"]) == ("set-up", 1, 40, 0)
    assert (found["what"], found["seconds"], found["goal"]) == ("table", 0.2, 0.2) and {"machine", "revision"} <= set(found)


def test_a_command_of_the_first_minutes_that_fails_is_named(tmp_path):
    ends = [sys.executable, "-c", "exit(3)"]
    with pytest.raises(CxrError, match="-c exit\\(3\\) failed"):
        first_minutes._run(first_minutes.Command(ends, 1), ends, tmp_path)
    assert first_minutes._run(first_minutes.Command(ends, 1, status=3), ends, tmp_path) > 0


def test_only_what_needs_the_real_set_sees_data(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_DATA_DIR", "somewhere")
    asks = [sys.executable, "-c", "import os; exit('CXR_DATA_DIR' in os.environ)"]
    for real in (False, True):
        first_minutes._run(first_minutes.Command(asks, 1, real=real, status=int(real)), asks, tmp_path)
