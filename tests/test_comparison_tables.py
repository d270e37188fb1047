"""What the tables say of timed comparisons, made and not made."""

import pytest

from cxr_helpers.benchmarks import comparisons
from cxr_helpers.tables import comparison_tables

MADE = {
    "ingest": {"ratio_median": 3.21, "ratio_min": 3.1, "ratio_max": 3.3, "ours": 1.0, "baseline": 3.2, "machine": "here"},
    "fine_tune": {
        **{"ratio_median": 1.25, "ratio_min": 1.2, "ratio_max": 1.3, "ours": 80.0, "baseline": 100.0, "machine": "here"},
        **{"baseline_validation_auc": [0.98, 0.99], "ours_validation_auc": [0.985], "extrapolated": True},
    },
}


@pytest.fixture(autouse=True)
def made(monkeypatch):
    monkeypatch.setattr(comparisons, "load", lambda name, *_, **__: MADE.get(name))


def test_a_comparison_that_was_not_made_names_its_command():
    table = comparison_tables.compared("full").set_index("comparison")
    assert table.loc["ingest"].tolist() == ["3.21 (3.1–3.3)", "3, met", "3.2 s", "1 s", "here"]
    assert table.loc["fine_tune"].tolist()[:2] == ["1.25 (1.2–1.3), baseline extrapolated", "1.5, missed by 0.25"]
    assert table.loc["deploy_latency"].tolist() == ["not timed yet: `cxr bench deploy_latency`", "25", "–", "–", "–"]
    assert len(table) == len(comparisons.NAMES) and set(comparison_tables.GOALS) < set(comparisons.NAMES)


def test_trainings_stand_beside_their_validation_aucs():
    (row,) = comparison_tables.training("full").to_dict("records")
    assert row["validation AUC, as written"] == "0.9850 (0.9800–0.9900, 2 seeds)"
    assert row["validation AUC, here"] == "0.9850 (one seed)"


def test_verdicts_name_what_was_met_and_missed():
    names = ("ingest", "fine_tune", "extract_vgg16", "deploy_latency")  # no goal, and not timed
    assert (
        comparison_tables.verdicts(names, "full")
        == "ingest: 3.21 times (goal 3, met); fine_tune: 1.25 times (goal 1.5, missed by 0.25)."
    )
    assert "None" in comparison_tables.verdicts(["extract_vgg16"], "full")
