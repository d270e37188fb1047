"""Figures, tables and sentences as a notebook shows them."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from cxr_helpers.errors import CxrError
from cxr_helpers.report import document
from cxr_helpers.tables import formatting


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed, as (data, metadata) pairs."""
    displayed = []
    monkeypatch.setattr(document, "publish_display_data", lambda data, metadata: displayed.append((data, metadata)))
    monkeypatch.setattr(document.stored_results, "sources", dict)
    return displayed


def line_figure():
    fig, ax = plt.subplots(figsize=(2, 2))
    ax.plot([0, 1], [0, 1])
    return fig


def test_figure_is_shown_as_svg_with_its_words_and_closed(shown):
    fig = line_figure()
    document.figure(fig, "fig:line", caption="A line.\nIt rises.", alt="A rising line.")
    data, metadata = shown[0]
    assert data["image/svg+xml"].count("<svg") == 1
    words = {"label": "fig:line", "caption": "A line. It rises.", "alt": "A rising line."}
    assert metadata["cxr"] == {"kind": "figure", "sources": {}, **words}
    assert data["text/csv"] == "panel,kind,x,y\npanel 1,line,0,0\npanel 1,line,1,1\n"
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize(
    ("label", "caption", "alt", "complaint"),
    [
        ("fig:line", " ", "A line.", "caption is empty"),
        ("fig:line", "A line.", "", "alternative text is empty"),
        ("tbl:line", "A line.", "A line.", "malformed"),
        ("fig:Line", "A line.", "A line.", "malformed"),
    ],
)
def test_figure_without_words_is_refused(shown, label, caption, alt, complaint):
    with pytest.raises(CxrError, match=complaint):
        document.figure(line_figure(), label, caption=caption, alt=alt)
    assert shown == []


def test_same_figure_gives_same_svg():
    assert document.svg(line_figure()) == document.svg(line_figure())


def test_images_in_a_figure_become_jpeg_and_rasterised_points_stay_png():
    fig, (left, right) = plt.subplots(1, 2, figsize=(4, 2))
    left.imshow(np.random.default_rng(0).integers(0, 256, (128, 128)), cmap="gray")
    right.scatter(range(50), range(50), rasterized=True)
    kinds = re.findall(r"data:image/(\w+);base64", document.svg(fig))
    assert sorted(kinds) == ["jpeg", "png"]


def test_numbers_are_formatted_by_kind():
    frame = pd.DataFrame({"n": [1234567, -3], "auc": [0.98765, -0.5], "p": [0.00001, np.nan], "system": ["a|b", "c"]})
    assert formatting.formatted(frame, digits=3).to_dict("list") == {
        "n": ["1,234,567", "\u22123"],
        "auc": ["0.988", "\u22120.500"],
        "p": ["1.0e\u221205", "\u2013"],
        "system": ["a|b", "c"],
    }


def test_digits_may_be_given_by_column():
    frame = pd.DataFrame({"auc": [0.98765], "minutes": [3.14159]})
    assert formatting.formatted(frame, digits={"minutes": 0}).iloc[0].tolist() == ["0.988", "3"]


def test_markdown_aligns_numbers_right_and_escapes_bars():
    frame = pd.DataFrame({"auc": ["0.98 [0.97, 0.99]", "\u2013"], "pixels": ["224×224 copy", "a|b"]}, index=["x", "y"])
    frame.index.name = "system"
    assert formatting.markdown(frame).splitlines() == [
        "| system | auc | pixels |",
        "| :-- | --: | :-- |",
        "| x | 0.98 [0.97, 0.99] | 224×224 copy |",
        r"| y | – | a\|b |",
    ]


def test_table_is_shown_for_the_notebook_and_for_the_report(shown):
    frame = pd.DataFrame({"images": [5216, 624]}, index=pd.Index(["train", "test"], name="folder"))
    document.table(frame, "tbl:images", caption="Images by folder.")
    data, metadata = shown[0]
    assert "| train | 5,216 |" in data["text/markdown"]
    assert metadata["cxr"]["caption"] == "Images by folder."


def test_a_table_carries_its_numbers_as_they_are(shown):
    frame = pd.DataFrame({"auc": [0.98765432109, None]}, index=pd.Index(["a", "b"], name="model"))
    document.table(frame, "tbl:auc", caption="Areas.", digits=2)
    assert shown[0][0]["text/csv"] == "model,auc\na,0.9876543\nb,\n"


def test_code_is_shown_as_a_listing(shown):
    document.code(line_figure)
    assert shown[0][0]["text/markdown"].startswith("```python\ndef line_figure():\n    fig, ax")


def test_empty_table_is_refused(shown):
    with pytest.raises(CxrError, match="no cells"):
        document.table(pd.DataFrame({"a": []}), "tbl:none", caption="Nothing.")


def test_text_is_markdown(shown):
    document.text("The AUC is **0.982**.")
    assert shown[0][0] == {"text/markdown": "The AUC is **0.982**."}


@pytest.mark.parametrize(
    ("written", "shown_as"),
    [
        ("-0.003 to +0.004", "−0.003 to +0.004"),
        ("0.1 (-.5 to 1)", "0.1 (−.5 to 1)"),
        ("run-s0-24a5, 3-5", "run-s0-24a5, 3-5"),
        ("71.9% of 95 %", "71.9\u00a0% of 95 %"),
    ],
)
def test_numbers_are_written_in_one_style_and_names_keep_their_hyphens(written, shown_as):
    assert formatting.written(written) == shown_as
    assert formatting.formatted(pd.DataFrame({"x": [written]})).x[0] == shown_as
