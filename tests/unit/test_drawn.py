"""What a figure draws, as numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from cxr_helpers.report import document


def figure_of(draw):
    fig = Figure(figsize=(3, 2), layout="constrained")
    draw(fig.subplots())
    return fig


def test_a_picture_has_no_numbers():
    assert document.numbers_of(figure_of(lambda ax: ax.imshow(np.zeros((40, 40))))).empty


def forest(ax):
    ax.errorbar([0.7, 0.9], [0, 1], xerr=[[0.1, 0.2], [0.05, 0.05]], fmt="o", label="AUC")
    ax.set_yticks([0, 1], ["VGG-16", "ResNet-50"])


def heat_map(ax):
    ax.pcolormesh([[0.5, 0.25], [1, 0]])
    ax.set_xticks([0.5, 1.5], ["a", "b"])
    ax.set_yticks([0.5, 1.5], ["c", "d"])


DRAWINGS = {
    "a line": (lambda ax: ax.plot([1, 2], [3, 4.5], label="loss"), ["line", "loss", 2, 4.5]),
    "bars": (lambda ax: ax.bar(["train", "test"], [7, 5], label="images"), ["bar", "images", "test", 1, 5]),
    "bars across": (lambda ax: ax.barh(["a", "b"], [7, 5]), ["bar", "b", 5, 1]),
    "intervals": (forest, ["interval", "AUC", "ResNet-50", 0.9, 1, 0.7, 0.95]),
    "points": (lambda ax: ax.scatter([1, 2], [3, 4]), ["point", 2, 4]),
    "a band": (lambda ax: ax.fill_between([0, 1], [1, 1], [2, 3], label="range"), ["band", "range", 0, 2]),
    "a matrix": (lambda ax: ax.imshow([[0.5, 0.25], [1, 0]]), ["cell", 0, 1, 1]),
    "a heat map": (heat_map, ["cell", "b, c", 1.5, 0.5, 0.25]),
    "words": (lambda ax: ax.text(0, 0, "n = 624"), ["text", "n = 624"]),
}


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_what_is_drawn_is_listed(drawing):
    draw, expected = DRAWINGS[drawing]
    rows = document.numbers_of(figure_of(draw)).drop(columns="panel").to_numpy().tolist()
    said = [[value for value in row if value is not None and value == value] for row in rows]
    assert expected in [[round(value, 6) if isinstance(value, float) else value for value in row] for row in said]


def test_series_and_panels_have_names_and_long_series_are_thinned():
    fig = Figure()
    left, right = fig.subplots(1, 2)
    left.plot(np.arange(2000), label="long")
    left.set_title("Loss", loc="left")
    right.plot([0, 1], [0, 1])
    table = document.numbers_of(fig)
    assert list(table.panel.unique()) == ["Loss", "panel 2"]
    assert (table.panel == "Loss").sum() == document.LONGEST and table.y.iloc[document.LONGEST - 1] == 1999


def test_a_point_that_has_no_value_has_no_interval_and_harms_no_other():
    fig = figure_of(lambda ax: [ax.errorbar(x, 0, xerr=[[low], [0.1]]) for x, low in ((0.7, 0.2), (np.nan, np.nan))])
    assert document.numbers_of(fig).low.round(6).dropna().tolist() == [0.5]
