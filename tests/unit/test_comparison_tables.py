"""What the tables say of timed comparisons, made and not made."""

import pytest

from cxr_helpers.base import stored_results
from cxr_helpers.extras.benchmarks import comparisons
from cxr_helpers.extras.tables import benchmark_tables

MADE = {
    "ingest": {"ratio_median": 3.21, "ratio_min": 3.1, "ratio_max": 3.3, "ours": 1.0, "baseline": 3.2, "machine": "here"},
    "fine_tune": {
        **{"ratio_median": 1.25, "ratio_min": 1.2, "ratio_max": 1.3, "ours": 80.0, "baseline": 100.0, "machine": "here"},
        **{"baseline_validation_auc": [0.98, 0.99], "ours_validation_auc": [0.985], "extrapolated": True},
    },
}


@pytest.fixture(autouse=True)
def made(monkeypatch):
    monkeypatch.setattr(stored_results, "benchmark", lambda name, *_, **__: MADE.get(name))


def test_a_comparison_that_was_not_made_names_its_command():
    table = benchmark_tables.compared("full").set_index("comparison")
    assert table.loc["ingest"].tolist() == ["3.21 (3.1–3.3)", "3, met", "3.2 s", "1 s", "here"]
    assert table.loc["fine_tune"].tolist()[:2] == ["1.25 (1.2–1.3), baseline extrapolated", "1.5, missed by 0.25"]
    assert table.loc["deploy_latency"].tolist() == ["not timed yet: `cxr bench deploy_latency`", "25", "–", "–", "–"]
    assert len(table) == len(comparisons.NAMES) and set(benchmark_tables.GOALS) < set(comparisons.NAMES)


def test_trainings_stand_beside_their_validation_aucs():
    (row,) = benchmark_tables.training("full").to_dict("records")
    assert row["validation AUC, as written"] == "0.9850 (0.9800–0.9900, 2 seeds)"
    assert row["validation AUC, here"] == "0.9850 (one seed)"


def test_whole_runs_are_the_same_in_every_row(monkeypatch):
    few = MADE["fine_tune"] | {"baseline_validation_auc_of": "a", "baseline_validation_auc": [0.9]}
    many = MADE["fine_tune"] | {"baseline_validation_auc_of": "a", "baseline_validation_auc": [0.9, 0.8]}
    made = {"train_mobilenet_rahman": many, "fine_tune": few}
    monkeypatch.setattr(stored_results, "benchmark", lambda name, *_, **__: made.get(name))
    table = benchmark_tables.training("full")
    assert table["validation AUC, as written"].tolist() == ["0.8500 (0.8000–0.9000, 2 seeds)"] * 2


@pytest.mark.parametrize(("ours", "said"), [([0.985, 0.99], "so that one view is enough here"), ([0.97], "too few")])
def test_one_view_is_enough_where_it_does_not_lie_below(monkeypatch, ours, said):
    made = MADE["fine_tune"] | {"ours_validation_auc": ours}
    monkeypatch.setattr(stored_results, "benchmark", lambda name, *_, **__: made)
    sentence = benchmark_tables.views_sentence("full")
    assert said in sentence and f"from {min(ours):.4f} to {max(ours):.4f}" in sentence
    monkeypatch.setattr(stored_results, "benchmark", lambda name, *_, **__: None)
    assert "not measured" in benchmark_tables.views_sentence("full")


def test_another_large_head_costs_its_fitting(monkeypatch):
    made = {"baseline": 16_000.0, "ours_fitting_seconds": [None, 390.0, 410.0]}  # the first round did not note it
    monkeypatch.setattr(stored_results, "benchmark", lambda name, *_, **__: made)
    assert "400 s: 40 times less" in benchmark_tables.another_head_sentence("full")
    monkeypatch.setattr(stored_results, "benchmark", lambda name, *_, **__: None)
    assert "not measured" in benchmark_tables.another_head_sentence("full")


def test_verdicts_name_what_was_met_and_missed():
    names = ("ingest", "fine_tune", "extract_vgg16", "deploy_latency")  # no goal, and not timed
    assert (
        benchmark_tables.verdicts(names, "full")
        == "ingest: 3.21 times (goal 3, met); fine_tune: 1.25 times (goal 1.5, missed by 0.25)."
    )
    assert "None" in benchmark_tables.verdicts(["extract_vgg16"], "full")
