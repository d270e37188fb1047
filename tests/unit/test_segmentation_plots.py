"""The segmenter's figures show the outlines, means and limits that they are given."""

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.extras.plots import segmentation_plots as plots


def test_outlines_are_drawn_closed_on_their_images():
    image = np.full((20, 30), 90, np.uint8)
    triangle = np.array([[0.2, 0.2], [0.8, 0.2], [0.5, 0.6]])
    fig = plots.outlined_images([image, image], [{"lungs": [triangle, triangle], "heart": [triangle]}, {}], ["one", "two"], 2)
    first, second = fig.axes
    assert len(first.lines) == 3 and not second.lines and first.get_title() == "one"
    assert first.lines[0].get_xydata()[[0, -1]].tolist() == [[0.2, 0.2], [0.2, 0.2]]
    assert first.images[0].get_extent() == [0, 1, 1, 0] and first.get_aspect() == pytest.approx(20 / 30)
    assert first.lines[0].get_color() != first.lines[2].get_color()
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["lungs", "heart"]


def test_dice_has_a_row_a_set_and_structure_with_its_interval():
    adult, drawn = [("adult", "lungs", "p", 0.5), ("adult", "lungs", "q", 0.7)], [("lungs", "r", 0.9), ("heart", "r", 0.8)]
    rows = [*adult, *(("synthetic", *image) for image in drawn)]
    table = pd.DataFrame(rows, columns=["set", "structure", "patient_id", "dice"]).assign(null_dice=[0.1, 0.3, 0.4, 0.5])
    fig = plots.overlap(table, {"synthetic": "drawn", "adult": "adults"})
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["drawn: lungs", "drawn: heart", "adults: lungs"]
    means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]
    assert means == pytest.approx([0.9, 0.8, 0.6])
    nulls = [line.get_xdata()[0] for line in ax.lines if line.get_label() == "one fixed outline"]
    assert nulls == pytest.approx([0.4, 0.5, 0.2])
    assert [0.5, 0.7] in [list(line.get_xdata()) for line in ax.lines if line.get_marker() == "None"]  # either patient twice


def test_bland_altman_draws_bias_and_limits():
    table = pd.DataFrame({"predicted": [0.3, 0.5, np.nan], "truth": [0.2, 0.2, 0.4]})
    fig = plots.bland_altman({"drawn": table}, "ratio")
    points, bias, low, high = fig.axes[0].lines
    assert np.allclose(points.get_xydata(), [[0.25, 0.1], [0.35, 0.3]])  # an image without a figure has no point
    spread = 1.96 * np.std([0.1, 0.3], ddof=1)
    assert [line.get_ydata()[0] for line in (bias, low, high)] == pytest.approx([0.2, 0.2 - spread, 0.2 + spread])
    assert "+0.200" in [text.get_text() for text in fig.axes[0].texts]
