"""The table reported / reproduced, from records made by hand."""

import dataclasses

import pandas as pd
import pytest
from tiny_scores import random_scores

from cxr_helpers import experiments, paths
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.benchmarks import measurements
from cxr_helpers.tables import formatting, reported_vs_reproduced, statistics, verdicts

INFO = {
    "pixels": "published JPEG",
    "parameters": 1000,
    "train_metrics": {"accuracy": 0.9131},
    "model_bytes": 14_300_000,
}


SYSTEM = experiments.Experiment("a", "A", "03_vgg16", "T", (Config("mobilenet"),))


@dataclasses.dataclass
class FakeRecord:
    config: Config
    scores: pd.DataFrame
    info: dict = dataclasses.field(default_factory=lambda: dict(INFO))

    names = frozenset({"scores"})

    def split(self, name):
        return self.scores[self.scores.split == name]


def run(seed=0, **config):
    return FakeRecord(Config(**{"model": "mobilenet", "start": "imagenet", "seed": seed} | config), random_scores(seed=seed))


def text(*figures, **changes):
    config = {"start": "imagenet", "size": 224, "epochs": 20}
    return {"a": {"source": "Doe 2020", "split": "test", "config": config, "readings": ["epochs"], "figures": figures} | changes}


def row(figure, *runs, **changes):
    return reported_vs_reproduced.table({"a": list(runs)}, text(figure, **changes)).iloc[0]


def test_the_verdict_follows_from_both_intervals():
    ours = metrics.evaluate(run().scores).loc["roc_auc"]
    beyond = ours.ci_low - 0.02
    alone, sampled = (row({"metric": "roc_auc", "value": beyond}, run(), **given) for given in ({}, {"images": [30, 30]}))
    assert (alone.verdict, alone.readings, alone.readings_reaching) == (verdicts.OUTSIDE, 1, 0)
    assert sampled.verdict == verdicts.CONSISTENT  # of so few images the reported figure is as uncertain as ours
    assert row({"metric": "roc_auc", "value": ours.ci_low + 1e-6}, run()).verdict == verdicts.CONSISTENT


@pytest.mark.parametrize(
    ("metric", "value", "low", "high", "agrees"),
    [
        ("size", 0.96, 0.963, 0.982, True),  # 0.96 may be 0.965
        ("size", 0.96, 0.9651, 0.982, False),
        ("size", 0.960, 0.9, 0.956, True),  # Python does not keep the last zero: 0.96
        ("size", 0.9601, 0.963, 0.982, False),
        ("time, exponent of N", 1, 1.2, 1.4, False),  # an order is no rounded figure
        ("time, exponent of N", 1, 1.0, 1.4, True),
    ],
)
def test_the_reported_figures_rounding_counts(metric, value, low, high, agrees):
    assert verdicts.agrees(metric, value, (low + high) / 2, None, (low, high)) == agrees


def test_orders_of_growth_are_exact_and_a_wide_interval_is_said(monkeypatch):
    found = pd.DataFrame({"figure": ["exponent"], "value": [1.2], "ci_low": [1.1], "ci_high": [1.3]})
    monkeypatch.setattr(reported_vs_reproduced.stored_results, "measurement", lambda name, profile, missing_ok: found)
    figure = {"metric": "time, exponent of N", "of": "exponent", "value": 1, "measured": "complexity"}
    assert row(figure).verdict == verdicts.OUTSIDE and row(figure).kind == verdicts.GROWTH
    found = found.assign(value=0.4, ci_low=0.1)
    assert row(figure).verdict == verdicts.CONSISTENT and row(figure).status.endswith(verdicts.TOO_WIDE)


def test_a_row_holds_figure_interval_status_and_command(monkeypatch):
    monkeypatch.setattr(reported_vs_reproduced.experiments, "load", lambda profile: {"a": SYSTEM})
    found = row({"metric": "roc_auc", "value": 0.5, "n": 300}, run())
    ours = metrics.evaluate(run().scores).loc["roc_auc"]
    assert list(found.index) == reported_vs_reproduced.COLUMNS
    assert found[["system", "source", "metric", "reported"]].to_list() == ["a", "Doe 2020", "roc_auc", 0.5]
    assert found[["reproduced", "ci_low", "ci_high"]].to_list() == ours.to_list()
    assert (found.status, found.command) == ("real: 1 seed; published JPEG", "cxr train a")


def test_seeds_are_averaged_on_the_same_images():
    a, b = run(seed=0), run(seed=1)
    b.scores = a.scores.assign(y_score=1 - a.scores.y_score)
    found = row({"metric": "roc_auc", "value": 0.5}, a, b)
    assert found.reproduced == pytest.approx(0.5) and found.status.startswith("real: 2 seeds")


def test_counts_and_aliases_are_found():
    counts = metrics.confusion(run().scores)
    assert row({"metric": "tp", "value": 1}, run()).reproduced == counts[1, 1]
    assert row({"metric": "accuracy (progress line)", "of": "accuracy", "value": 0.5}, run()).reproduced > 0.5


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"start": "random"}, "start random, text imagenet"),
        ({"size": 96}, "size 96, text 224"),
    ],
)
def test_a_departing_run_is_shown_but_not_judged(config, why):
    found = row({"metric": "roc_auc", "value": 0.5}, run(**config))
    assert found.verdict == verdicts.NOT_TESTED and found.reproduced > 0.5 and found.readings == 0
    assert found.status == f"real: 1 seed; published JPEG; {why}"


def test_what_the_text_leaves_open_is_another_reading_and_limits_are_said():
    found = row({"metric": "roc_auc", "value": 0.5, "limits": "another set"}, run(epochs=3))
    assert found.verdict == verdicts.OUTSIDE and reported_vs_reproduced.limited(found.to_frame().T).all()
    assert found.status == "real: 1 seed; published JPEG; epochs 3, read as 20; limit: another set"


def test_runs_of_another_reading_count_with_ours():
    other = FakeRecord(Config("mobilenet", epochs=5, start="imagenet"), run().scores.assign(y_score=0.5))
    texts = text({"metric": "roc_auc", "value": 0.5}) | {"b": {"same_as": "a", "config": {}, "readings": []}}
    table = reported_vs_reproduced.table({"a": [run()], "b": [other]}, texts)
    assert len(table) == 1 and table.claim_id[0] == "a-roc-auc"
    assert (table.verdict[0], table.readings[0], table.readings_reaching[0]) == (verdicts.INSIDE, 2, 1)
    alone = reported_vs_reproduced.table({"b": [other]}, texts)  # where the first waits, the other is ours
    assert (alone.reproduced[0], alone.verdict[0]) == (0.5, verdicts.CONSISTENT)


@pytest.mark.parametrize(
    ("metric", "reported", "ours", "said"),
    [
        ("fp", 122, 37, "better: fewer false alarms than reported"),
        ("fn", 6, 34, "worse: more cases missed than reported"),
        ("recall", 0.99, 0.94, "worse: more cases missed than reported"),
        ("roc_auc", 0.9, 0.97, "better than reported"),
        ("cross-entropy (progress line)", 0.5, 0.7, "worse: a larger loss than reported"),
        ("AUC, A minus B", 0.01, 0.03, "more than reported"),
    ],
)
def test_good_and_bad_are_said(metric, reported, ours, said):
    assert verdicts.meaning(metric, reported, ours) == said


def test_another_number_of_images_is_a_departure():
    found = row({"metric": "accuracy", "value": 0.5, "n": 624}, run())
    assert found.verdict == verdicts.NOT_TESTED and "300 images, text 624" in found.status


def test_synthetic_images_judge_nothing():
    made = run()
    made.info["pixels"] = "synthetic image"
    found = row({"metric": "accuracy", "value": 0.5}, made)
    assert (found.verdict, found.status) == (verdicts.NOT_TESTED, "waits: synthetic images")


def test_a_system_that_waits_says_for_what(monkeypatch):
    waiting = dataclasses.replace(SYSTEM, waits_for="the ImageNet weights of A")
    monkeypatch.setattr(reported_vs_reproduced.experiments, "load", lambda profile: {"a": waiting})
    found = row({"metric": "accuracy", "value": 0.5})
    assert (found.status, found.command) == ("waits: the ImageNet weights of A", "cxr train a")


def test_a_difference_is_paired_on_the_same_images():
    figure = {"metric": "gain", "of": "roc_auc", "against": "b", "value": 0.0}
    better = run()
    worse = FakeRecord(better.config, better.scores.assign(y_score=0.5 + (better.scores.y_score - 0.5) * 0.1))
    same = reported_vs_reproduced.table({"a": [better], "b": [worse]}, text(figure)).iloc[0]
    assert (same.reproduced, same.ci_low, same.ci_high, same.verdict) == (0, 0, 0, verdicts.CONSISTENT)
    assert reported_vs_reproduced.table({"a": [better]}, text(figure)).iloc[0].status == "waits: no run of b yet"
    texts = text(figure) | {"b": {"source": "Doe 2020", "config": {"start": "random"}, "figures": []}}
    apart = reported_vs_reproduced.table({"a": [better], "b": [worse]}, texts).iloc[0]
    assert apart.verdict == verdicts.NOT_TESTED and apart.status.endswith("b: start imagenet, text random")


def test_a_measured_figure_comes_from_the_measurement(monkeypatch):
    found = pd.DataFrame({"figure": ["time saved"], "value": [0.7], "ci_low": [0.6], "ci_high": [0.8]})
    monkeypatch.setattr(reported_vs_reproduced.stored_results, "measurement", lambda name, profile, missing_ok: found)
    figure = {"metric": "time saved", "value": 0.65, "measured": "speed"}
    judged = row(figure)
    assert (judged.reproduced, judged.verdict, judged.command) == (0.7, verdicts.CONSISTENT, "cxr measure speed")
    apart = row(figure | {"apart": "another machine"})
    assert (apart.verdict, apart.status) == (verdicts.NOT_TESTED, "real: measured; another machine")
    monkeypatch.setattr(reported_vs_reproduced.stored_results, "measurement", lambda name, profile, missing_ok: None)
    assert row(figure).status == "waits: not measured yet"


def test_a_system_without_runs_and_a_figure_without_record_wait(monkeypatch):
    monkeypatch.setattr(reported_vs_reproduced.experiments, "load", lambda profile: {"a": SYSTEM})
    found = row({"metric": "accuracy", "value": 0.5})
    assert (found.verdict, found.status) == (verdicts.NOT_TESTED, "waits: no run yet") and pd.isna(found.reproduced)
    assert row({"metric": "test time (s)", "value": 79}, run()).status == "waits: no record holds this figure"


@pytest.mark.parametrize(
    ("metric", "value", "verdict"),
    [
        ("parameters", 1000, verdicts.CONSISTENT),
        ("parameters", 1001, verdicts.OUTSIDE),
        ("model size (MB)", 14, verdicts.CONSISTENT),  # 14.3 rounds to 14
        ("model size (MB)", 13, verdicts.OUTSIDE),
        ("training accuracy", 0.91, verdicts.CONSISTENT),
        ("training accuracy", 0.9627, verdicts.OUTSIDE),
    ],
)
def test_a_figure_of_the_run_agrees_where_it_rounds_to_the_reported_one(metric, value, verdict):
    found = row({"metric": metric, "value": value}, run())
    assert found.verdict == verdict and pd.isna(found.ci_low)


def test_a_figure_may_ask_for_less_agreement():
    assert (
        row({"metric": "parameters", "value": 1000, "config": {"size": 224}}, run(start="random")).verdict == verdicts.CONSISTENT
    )


def test_the_split_is_the_one_the_text_reports():
    mixed = run()
    mixed.scores = pd.concat([mixed.scores, random_scores(seed=5).assign(split="val")])
    found = row({"metric": "accuracy", "value": 0.9}, mixed, split="val")
    assert found.reproduced == metrics.evaluate(random_scores(seed=5)).value.accuracy


def test_the_table_is_stored_among_the_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    table = reported_vs_reproduced.table({"a": [run()]}, text({"metric": "accuracy", "value": 0.5}))
    path = reported_vs_reproduced.write(table, "full")
    assert path == tmp_path / "reports" / "tables" / "reported_vs_reproduced.csv"
    assert pd.read_csv(path).reproduced[0] == pytest.approx(table.reproduced[0], abs=1e-6)


def test_the_committed_figures_are_consistent():
    texts = reported_vs_reproduced.reported()
    known = {*metrics.TITLES, *metrics.COUNTS, *statistics.OF_THE_RUN, statistics.GAP}
    for system in texts.values():
        Config(**({"model": "any"} | system.get("config", {})))  # its fields exist and its values are allowed
        assert "same_as" in system or set(system.get("readings", ())) <= set(system.get("config", {}))
        assert system["source"] and texts[system.get("same_as", "vgg16_thesis")]["figures"]
        named = [figure for figure in system["figures"] if not figure.get("measured")]
        names = [figure.get("of", figure["metric"]) for figure in named]
        assert all(name in known or name.startswith(("mean AUC", "AUC ", "Dice ")) for name in names)
    rahman = {figure["metric"]: figure["value"] for figure in texts["mobilenet_rahman"]["figures"]}
    tp, tn, fp, fn = (rahman[name] for name in ("tp", "tn", "fp", "fn"))
    assert (round((tp + tn) / 919, 4), round(tp / (tp + fp), 4)) == (rahman["accuracy"], rahman["precision"])
    assert (round(tp / (tp + fn), 4), round(2 * tp / (2 * tp + fp + fn), 4)) == (rahman["recall"], rahman["f1"])


def test_a_command_stands_only_where_it_works():
    commands = reported_vs_reproduced.table({}).command
    systems = commands[commands.str.startswith("cxr train ")].str.removeprefix("cxr train ")
    measured = commands[commands.str.startswith("cxr measure ")].str.removeprefix("cxr measure ")
    assert len(systems) + len(measured) == len(commands)
    assert set(systems) <= set(experiments.load("full")) and set(measured) <= set(measurements.NAMES)


def test_a_claim_has_a_figure_and_one_row():
    table = reported_vs_reproduced.table({})
    assert table.claim_id.is_unique and table.reported.notna().all()
    assert table.status.str.startswith(("waits", "real")).all()


def test_a_broken_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(reported_vs_reproduced.paths, "reports", lambda profile: tmp_path)
    (tmp_path / "reported.toml").write_text("[a")
    with pytest.raises(CxrError, match="reported.toml"):
        reported_vs_reproduced.reported()


def test_the_brief_table_reads_as_a_page_does():
    judged = {"system": "a", "metric": "fp", "reported": 122, "reproduced": 36.7, "ci_low": 26.97, "ci_high": 47.15}
    judged |= {"verdict": verdicts.OUTSIDE, "readings": 3, "readings_reaching": 0}
    waiting = {"system": "b", "metric": "accuracy", "reported": 0.912, "verdict": verdicts.NOT_TESTED, "readings": 0}
    inside = judged | {"verdict": verdicts.INSIDE, "readings_reaching": 1}
    made = pd.DataFrame([judged, waiting, inside], columns=reported_vs_reproduced.COLUMNS)
    brief = formatting.formatted(reported_vs_reproduced.brief(made))
    said = "better: fewer false alarms than reported"
    assert brief.iloc[0].tolist() == ["a", "FP", "122", "36.7 (27.0–47.1)", said, "0 of 3", verdicts.OUTSIDE]
    assert brief.iloc[1].tolist() == ["b", "Accuracy", "0.912", "–", "", "", verdicts.NOT_TESTED]
    assert brief.verdict[2] == "inside the range of readings (1 of 3)"
