"""Tables of timed comparisons, made and not made."""

import numpy as np
import pytest

from cxr_helpers.extras.benchmarks import comparisons
from cxr_helpers.extras.tables import benchmark_tables
from cxr_helpers.tables import formatting

MADE = {
    "extract_mobilenetv2": {
        **{"ratio_median": 3.21, "ratio_min": 3.1, "ratio_max": 3.3, "ours": 1.0, "baseline": 3.2, "machine": "here"},
    },
    "fine_tune": {
        **{"ratio_median": 1.25, "ratio_min": 1.2, "ratio_max": 1.3, "ours": 80.0, "baseline": 100.0, "machine": "here"},
        **{"baseline_validation_auc": [0.98, 0.99], "ours_validation_auc": [0.985], "extrapolated": True},
    },
}


@pytest.fixture(autouse=True)
def made(monkeypatch):
    monkeypatch.setattr(benchmark_tables.stored_results, "benchmark", lambda name, *_, **__: MADE.get(name))


def test_a_comparison_that_was_not_made_has_its_goal_alone():
    table = benchmark_tables.compared("full").set_index("comparison")
    columns = [benchmark_tables.RATIO, "goal", "as written (s)", "here (s)", "machine"]
    assert table.loc["extract_mobilenetv2", columns].tolist() == [3.21, 3, 3.2, 1, "here"]
    assert table.missed_by["extract_mobilenetv2"] < 0 and table.missed_by["fine_tune"] == 1.75
    assert table["extrapolated"].loc[["extract_mobilenetv2", "fine_tune"]].tolist() == ["no", "yes"]
    assert np.isnan(table[benchmark_tables.RATIO]["extract_mobilenet"]) and table.goal["extract_mobilenet"] == 2.5
    assert len(table) == len(comparisons.NAMES) and set(benchmark_tables.GOALS) < set(comparisons.NAMES)


def test_the_page_shows_ratio_range_and_verdict():
    table = benchmark_tables.compared("full").rename(columns={"missed_by": "verdict"})
    shown = formatting.formatted(table).set_index("comparison")
    columns = [benchmark_tables.RATIO, "goal", "verdict"]
    assert shown.loc["fine_tune", columns].tolist() == ["1.25 (1.2–1.3)", "3", "missed by 1.8"]
    assert shown.verdict["extract_mobilenetv2"] == "met" and shown.verdict["extract_mobilenet"] == "–"


def test_trainings_stand_beside_their_validation_aucs():
    row = benchmark_tables.compared("full").set_index("comparison").loc["fine_tune"]
    ends = [row[f"AUC as written{end}"] for end in ("", "_low", "_high")]
    assert ends == pytest.approx([0.985, 0.98, 0.99]) and row["seeds as written"] == 2
    assert row["AUC here"] == 0.985 and np.isnan(row["AUC here_low"]) and row["seeds here"] == 1
