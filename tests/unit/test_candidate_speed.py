"""What an image costs each candidate, from rounds whose times are known."""

import pandas as pd
import pytest

from cxr_helpers.extras.benchmarks import candidate_speed


def test_figures_are_milliseconds_a_image():
    rows = [(place, "one", "forward pass of 1", seconds) for place, seconds in enumerate((0.010, 0.012, 0.050))]
    rows += [(place, "one", "forward pass of 32", 0.32) for place in range(3)]
    rows += [(place, "two", "forward pass of 1", 0.030) for place in range(3)]
    figures = candidate_speed.figures(pd.DataFrame(rows, columns=["round", "system", "task", "value"]))
    found = figures.set_index("figure")
    assert found.value[candidate_speed.figure("one", 1)] == pytest.approx(12)
    assert found.value[candidate_speed.figure("one", 32)] == pytest.approx(10)
    assert found.loc[candidate_speed.figure("one", 1), ["ci_low", "ci_high"]].tolist() == pytest.approx([10, 50])
    assert candidate_speed.by_system(figures) == {"one": "12.0 (10.0–50.0)", "two": "30.0 (30.0–30.0)"}
