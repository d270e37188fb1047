"""What an image costs each candidate, from rounds whose times are known."""

import pandas as pd
import pytest

from cxr_helpers.extras.benchmarks import candidate_speed


def test_figures_are_milliseconds_a_image():
    rows = [(place, "one", "forward pass of 1", seconds) for place, seconds in enumerate((0.010, 0.012, 0.050))]
    rows += [(place, "two", "forward pass of 1", 0.030) for place in range(3)]
    figures = candidate_speed.figures(pd.DataFrame(rows, columns=["round", "system", "task", "value"]))
    found = figures.set_index("figure")
    assert found.loc["one, ms per image, batch 1"].tolist() == pytest.approx([12, 10, 50])
    assert found.value["two, ms per image, batch 1"] == pytest.approx(30)
