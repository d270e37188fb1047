"""Figures on the cost of maps, worked out from rounds whose times are known."""

import pandas as pd

from cxr_helpers.extras.benchmarks import map_speed


def test_figures_are_milliseconds_an_image_with_the_range_of_the_rounds():
    rows = [(place, "MobileNetV2", "lime", value) for place, value in enumerate((1.0, 2.0, 4.0))]
    found = map_speed.figures(pd.DataFrame(rows, columns=["round", "network", "task", "value"]))
    assert found.to_dict("records") == [{"figure": "LIME", "value": 2000, "ci_low": 1000, "ci_high": 4000}]


def test_methods_is_timed_in_every_round(monkeypatch):
    monkeypatch.setattr(map_speed, "ROUNDS", 1)
    found = {"gradcam": map_speed.methods.found()["gradcam"]}
    monkeypatch.setattr(map_speed.methods, "found", lambda: found)
    timed = map_speed.measure("smoke")
    assert timed[["round", "task"]].to_numpy().tolist() == [[0, "gradcam"]] and (timed.value > 0).all()
