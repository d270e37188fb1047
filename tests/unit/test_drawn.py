"""What a figure draws, as numbers; and the points of its curves: where they lie in the picture, what they say."""

import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from cxr_helpers.report import drawn, pictures


def figure_of(draw):
    fig = Figure(figsize=(3, 2), layout="constrained")
    draw(fig.subplots())
    return fig


def points_of(draw):
    fig = figure_of(draw)
    points = drawn.curves(fig, pictures.EDGE)
    return pictures.svg(fig), json.loads(points) if points else []


def test_a_curve_is_found_where_the_picture_draws_it():
    x = np.array([0.0, 0.25, 1.0])

    def draw(ax):
        ax.plot(x, x**2, label="model  A")
        ax.plot([0, 1], [0, 1], label="chance")
        ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="1 − specificity (false alarms)", ylabel="P(PNEUMONIA)")

    svg, (panel,) = points_of(draw)
    assert (panel["x"], panel["y"]) == ("1 − specificity", "P(PNEUMONIA)")
    ((name, points),) = panel["curves"]  # a line of two points is a reference
    assert name == "model A" and [point[2:] for point in points] == [[0, 0], [0.25, 0.0625], [1, 1]]
    width, height = (float(size) for size in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    line = re.search(r'<path d="(M [^"]*)" clip-path="[^"]*" style="fill: none; stroke: #1f77b4', svg)[1]
    seen = np.array(re.findall(r"[\d.]+", line), float).reshape(-1, 2) / (width, height) * 1000
    assert np.abs(seen - [point[:2] for point in points]).max() < 5


def test_error_bars_are_read_at_their_dots_and_named_by_the_panel():
    def draw(ax):
        ax.errorbar([0.1, 0.5, 0.9], [0.2, 0.5, 0.8], 0.1, fmt="o")
        ax.set_title("model B\nECE 0.1", loc="left")

    _, (panel,) = points_of(draw)
    ((name, points),) = panel["curves"]
    assert name == "model B" and panel["y"] == "model B" and [point[2] for point in points] == [0.1, 0.5, 0.9]


def test_long_curves_are_thinned_and_what_lies_outside_is_left_out():
    def draw(ax):
        ax.plot(np.arange(1, 1001), np.arange(1, 1001), label="long")
        ax.set(xscale="log", xlim=(1, 100), ylim=(0, 1000))

    _, (panel,) = points_of(draw)
    ((_, points),) = panel["curves"]
    assert len(points) <= drawn.MOST and points[0][2] == 1 and points[-1][2] == 100
    lefts = [point[0] for point in points]
    assert lefts == sorted(lefts)


def test_a_picture_has_neither_curves_nor_numbers():
    fig = figure_of(lambda ax: ax.imshow(np.zeros((40, 40))))
    assert drawn.curves(fig, pictures.EDGE) == "" and drawn.numbers(fig).empty


def forest(ax):
    ax.errorbar([0.7, 0.9], [0, 1], xerr=[[0.1, 0.2], [0.05, 0.05]], fmt="o", label="AUC")
    ax.set_yticks([0, 1], ["VGG-16", "ResNet-50"])


DRAWINGS = {
    "a line": (lambda ax: ax.plot([1, 2], [3, 4.5], label="loss"), ["line", "loss", 2, 4.5]),
    "bars": (lambda ax: ax.bar(["train", "test"], [7, 5], label="images"), ["bar", "images", "test", 1, 5]),
    "bars across": (lambda ax: ax.barh(["a", "b"], [7, 5]), ["bar", "b", 5, 1]),
    "intervals": (forest, ["interval", "AUC", "ResNet-50", 0.9, 1, 0.7, 0.95]),
    "points": (lambda ax: ax.scatter([1, 2], [3, 4]), ["point", 2, 4]),
    "a band": (lambda ax: ax.fill_between([0, 1], [1, 1], [2, 3], label="range"), ["band", "range", 0, 2]),
    "a matrix": (lambda ax: ax.imshow([[0.5, 0.25], [1, 0]]), ["cell", 0, 1, 1]),
    "words": (lambda ax: ax.text(0, 0, "n = 624"), ["text", "n = 624"]),
}


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_what_is_drawn_is_listed(drawing):
    draw, expected = DRAWINGS[drawing]
    rows = drawn.numbers(figure_of(draw)).drop(columns="panel").to_numpy().tolist()
    said = [[value for value in row if value is not None and value == value] for row in rows]
    assert expected in [[round(value, 6) if isinstance(value, float) else value for value in row] for row in said]


def test_series_and_panels_have_names_and_long_series_are_thinned():
    fig = Figure()
    left, right = fig.subplots(1, 2)
    left.plot(np.arange(2000), label="long")
    left.set_title("Loss", loc="left")
    right.plot([0, 1], [0, 1])
    table = drawn.numbers(fig)
    assert list(table.panel.unique()) == ["Loss", "panel 2"]
    assert (table.panel == "Loss").sum() == drawn.LONGEST and table.y.iloc[drawn.LONGEST - 1] == 1999
