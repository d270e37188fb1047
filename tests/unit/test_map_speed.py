"""Figures on the cost of maps, worked out from rounds whose times are known."""

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.extras.benchmarks import map_speed
from cxr_helpers.extras.benchmarks.map_speed import FIRST, MAP, PASSES, RATIO


def test_ratios_are_paired_and_single_times_have_no_interval():
    rows = [(0, "VGG-16", FIRST, 3.0)]
    for place, slow in enumerate((1.0, 5.0, 1.1, 0.9, 1.0)):
        rows += [(place, "VGG-16", PASSES, 0.2 * slow), (place, "VGG-16", MAP, 0.1 * slow)]
    rows += [(place, "VGG-16", "lime", value) for place, value in enumerate((1.0, 2.0, 4.0))]
    found = map_speed.figures(pd.DataFrame(rows, columns=["round", "network", "task", "value"])).set_index("figure")
    assert tuple(found.loc[f"VGG-16, {RATIO}"]) == pytest.approx((0.5, 0.5, 0.5))
    assert found.value[f"VGG-16, {MAP}, ms per image"] == pytest.approx(100)
    assert found.value["VGG-16, LIME, ms per image"] == 2000
    assert tuple(found.loc["VGG-16, LIME, ms per image", ["ci_low", "ci_high"]]) == (1000, 4000)
    assert found.value[f"VGG-16, {FIRST}, ms per image"] == 3000 and np.isnan(found.ci_low[f"VGG-16, {FIRST}, ms per image"])
