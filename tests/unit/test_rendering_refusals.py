"""What the report refuses to render, and how it says where the fault is."""

import base64

import pandas as pd
import pytest
from nbformat.v4 import new_markdown_cell, new_output
from tiny_chapters import chapter, executed, figure, first_chapter, second_chapter, shown, workplace

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.report import document, rendering


@pytest.fixture
def project(monkeypatch, tmp_path):
    """Return the function that puts executed chapters in a place of the test's own."""
    return workplace(monkeypatch, tmp_path)


def failing(cell):
    cell.outputs = [new_output("error", ename="ValueError", evalue="no such image", traceback=[])]
    return cell


def never_run():
    cell = executed("late()")
    cell.execution_count = None
    return cell


def without(key):
    cell = figure("fig:bare")
    cell.outputs[0].metadata["cxr"][key] = ""
    return cell


def run_table():
    frame = pd.DataFrame({"run": ["`mobilenet-patient_cv_1-s2-0123abcd`"], "AUC": [0.9]})
    return shown(document.table, frame, "tbl:runs", caption="Runs.")


PNG = base64.b64encode(b"\x89PNG").decode()
PICTURE = new_output("display_data", data={"image/png": PNG})


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        (failing(executed("load()")), "cell 2 failed with ValueError: no such image"),
        (never_run(), "cell 2 never ran"),
        (executed("plt.plot()", PICTURE), "cell 2 shows image/png without caption"),
        (without("alt"), "cell 2 shows fig:bare without alternative text"),
        (without("caption"), "cell 2 shows fig:bare without a caption"),
        (new_markdown_cell("![A picture](picture.png)"), "cell 2 holds a bare image"),
        (new_markdown_cell("See @fig:nowhere."), "cell 2 refers to @fig:nowhere"),
        (new_markdown_cell("As shown [@nobody1999]."), "cell 2 cites 'nobody1999'"),
        (new_markdown_cell("See @tbl:nowhere and @sec:01_eda-no-such."), "cell 2 refers to @tbl:nowhere"),
        (new_markdown_cell("As in @sec:01_eda-no-such."), "cell 2 refers to @sec:01_eda-no-such"),
        (shown(document.text, "Run `vgg16-official-s0-0123abcd`."), "cell 2 shows the run vgg16-official-s0-0123abcd, whose"),
        (run_table(), "cell 2 shows the run mobilenet-patient_cv_1-s2-0123abcd, whose record is not in"),
        (figure("fig:one", caption="After [@nobody1999]."), "cell 2 cites 'nobody1999'"),
        (new_markdown_cell("# Another title"), "cell 2 begins a second chapter"),
        (new_markdown_cell("::: {.note}\nAn open division"), "cell 2 opens a division"),
        (new_markdown_cell("A division ends.\n\n::::::::::"), "a cell closes a division"),
    ],
)
def test_a_faulty_chapter_is_named_with_its_cell_and_nothing_is_written(project, cell, complaint):
    project(**{"01_eda": chapter("One", cell, new_markdown_cell("The end."))})
    with pytest.raises(CxrError, match=complaint) as caught:
        rendering.render("smoke")
    assert "hapter 01_eda" in str(caught.value)
    assert not paths.reports("smoke").exists()


def test_cells_are_counted_as_in_the_source_notebook(project):
    parameters = [executed("profile = 1", tags=["parameters"]), executed("profile = 2", tags=["injected-parameters"])]
    project(**{"01_eda": chapter("One", *parameters, new_markdown_cell("See @fig:nowhere."))})
    with pytest.raises(CxrError, match="chapter 01_eda, cell 3 refers"):
        rendering.render("smoke")


def test_one_label_in_two_chapters_is_refused(project):
    project(**{"01_eda": chapter("One", figure("fig:roc")), "02_models": chapter("Two", figure("fig:roc"))})
    with pytest.raises(CxrError, match="fig:roc is used twice, in chapter 01_eda, cell 2 and in chapter 02_models, cell 2"):
        rendering.render("smoke")


def test_a_missing_chapter_is_refused(project):
    project(**{"01_eda": chapter("One")})
    with pytest.raises(CxrError, match="Chapter 03_vgg16 has not been executed"):
        rendering.render("smoke", chapters=["01_eda", "03_vgg16"])


def test_a_chapter_alone_may_mention_one_that_is_left_out(project):
    project(**{"01_eda": first_chapter(), "02_models": second_chapter()})
    page = rendering.render("smoke", chapters=["01_eda"], formats=["html"])[0].read_text(encoding="utf-8")
    assert "@fig:roc" in page and '<a href="#tbl:images">' in page


def test_a_file_above_the_limit_is_refused_and_the_old_one_kept(project, monkeypatch):
    project(**{"01_eda": chapter("One", figure("fig:one"))})
    path = rendering.render("smoke", formats=["html"])[0]
    before = path.read_bytes()
    monkeypatch.setattr(rendering, "SIZE_LIMIT", 10_000)
    with pytest.raises(CxrError, match=r"largest figure \(figures/01_eda"):
        rendering.render("smoke", formats=["html"])
    assert path.read_bytes() == before


@pytest.mark.parametrize(("profile", "formats"), [("auto", ["html"]), ("smoke", ["docx"])])
def test_unknown_profile_or_format_is_refused(profile, formats):
    with pytest.raises(CxrError, match="Cannot render"):
        rendering.render(profile, formats=formats)
