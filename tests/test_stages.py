"""The stage table covers every stage that the thesis lists, in positive milliseconds."""

import numpy as np
import pandas as pd

from cxr_helpers import stages


def test_timed_returns_the_result_and_the_seconds(monkeypatch):
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(stages.time, "perf_counter", lambda: next(clock))
    assert stages._timed(lambda: "done") == ("done", 2.5)


def test_table_sets_each_measure_beside_its_claim(monkeypatch):
    measures = iter([pd.Series(1.0, index=list(stages.CLAIMED)), pd.Series(2.0, index=list(stages.CLAIMED))])
    monkeypatch.setattr(stages, "measure", lambda run, profile: next(measures))
    table = stages.table(None, None, "smoke").set_index("stage")
    assert table.loc["training"].tolist() == ["O(E·N·M)", 1.0, "O(E·N·M²·3·K)", 2.0]
    assert list(table.index) == ["loading", "preprocessing", "display", "model building", "training", "evaluation"]
    assert np.isfinite(table[["VGG-16, ms", "ResNet-50, ms"]].to_numpy(float)).all()
