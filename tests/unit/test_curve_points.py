"""The points of a figure's curves: which lines are curves, where they lie in the picture, what they say."""

import json
import re

import numpy as np
from matplotlib.figure import Figure

from cxr_helpers.report import curve_points


def points_of(draw):
    fig = Figure(figsize=(3, 2), layout="constrained")
    ax = fig.subplots()
    draw(ax)
    svg, points = curve_points.drawn(fig)
    return svg, json.loads(points) if points else []


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
    drawn = np.array(re.findall(r"[\d.]+", line), float).reshape(-1, 2) / (width, height) * 1000
    assert np.abs(drawn - [point[:2] for point in points]).max() < 1


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
    assert len(points) <= curve_points.MOST and points[0][2] == 1 and points[-1][2] == 100
    lefts = [point[0] for point in points]
    assert lefts == sorted(lefts)


def test_a_picture_without_curves_has_none():
    svg, points = points_of(lambda ax: ax.imshow(np.zeros((4, 4))))
    assert points == [] and svg.rstrip().endswith("</svg>")
