"""What the report refuses to render, and how it says where the fault is."""

import base64

import pytest
from nbformat.v4 import new_markdown_cell, new_output
from tiny_chapters import chapter, executed, figure, first_chapter, second_chapter, table, workplace

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.report import rendering
from cxr_helpers.workflow import chapter_files


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


def from_a_lost_record():
    cell = figure("fig:lost")
    cell.outputs[0].metadata["cxr"]["sources"] = {"reports/smoke/runs/vgg16-official-s0-0123abcd/run.json": "12"}
    return cell


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
        (from_a_lost_record(), "cell 2 shows what comes from reports/smoke/runs/vgg16-official-s0-0123abcd/run.json, which"),
        (figure("fig:one", caption="After [@nobody1999]."), "cell 2 cites 'nobody1999'"),
        (new_markdown_cell("# Another title"), "cell 2 begins a second chapter"),
        (new_markdown_cell("::: {.note}\nAn open division"), "cell 2 opens a division"),
        (new_markdown_cell("A division ends.\n\n::::::::::"), "a cell closes a division"),
    ],
)
def test_a_faulty_chapter_is_named_with_its_cell_and_nothing_is_written(project, cell, complaint):
    project(**{"01_eda": chapter("One", cell, new_markdown_cell("The end."))})
    with pytest.raises(CxrError, match=complaint) as caught:
        rendering.render("smoke", ["thesis"])
    assert "hapter 01_eda" in str(caught.value)
    assert not list(paths.reports("smoke").glob("thesis.*"))


def test_cells_are_counted_as_in_the_source_notebook(project):
    parameters = [executed("profile = 1", tags=["parameters"]), executed("profile = 2", tags=["injected-parameters"])]
    project(**{"01_eda": chapter("One", *parameters, new_markdown_cell("See @fig:nowhere."))})
    with pytest.raises(CxrError, match="chapter 01_eda, cell 3 refers"):
        rendering.render("smoke", ["thesis"])


def test_one_label_in_two_chapters_is_refused(project):
    project(**{"01_eda": chapter("One", figure("fig:roc")), "02_models": chapter("Two", figure("fig:roc"))})
    with pytest.raises(CxrError, match="fig:roc is used twice, in chapter 01_eda, cell 2 and in chapter 02_models, cell 2"):
        rendering.render("smoke", ["thesis"])


def test_a_missing_chapter_is_refused(project):
    project(**{"01_eda": chapter("One"), "03_vgg16": chapter("Three")})
    chapter_files.executed("03_vgg16", "smoke").unlink()
    with pytest.raises(CxrError, match="Chapter 03_vgg16 has not been executed"):
        rendering.render("smoke", ["thesis"])


def test_a_chapter_alone_may_mention_one_that_is_left_out(project):
    project(**{"01_eda": first_chapter(), "02_models": second_chapter()})
    page = rendering.render("smoke", ["thesis"], only=["01_eda"], formats=["html"])[0].read_text(encoding="utf-8")
    assert "@fig:roc" in page and '<a href="#tbl:images">' in page


def test_a_file_above_the_limit_is_refused_and_the_old_one_kept(project, monkeypatch):
    project(**{"01_eda": chapter("One", figure("fig:one"))})
    path = rendering.render("smoke", ["thesis"], formats=["html"])[0]
    before = path.read_bytes()
    monkeypatch.setattr(rendering, "SIZE_LIMIT", 10_000)
    with pytest.raises(CxrError, match=r"largest figure \(figures/01_eda"):
        rendering.render("smoke", ["thesis"], formats=["html"])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("profile", "document", "kind"), [("auto", "thesis", "html"), ("smoke", "thesis", "docx"), ("smoke", "letter", "html")]
)
def test_unknown_profile_document_or_format_is_refused(profile, document, kind):
    with pytest.raises(CxrError, match="Cannot render"):
        rendering.render(profile, [document], formats=[kind])


def test_documents_mention_each_other(project):
    thesis = chapter("One", new_markdown_cell("See @tbl:deep and @ch:s01_more."), figure("fig:roc"))
    supplement = chapter("More", table("tbl:deep"), new_markdown_cell("As in @fig:roc."))
    project(**{"01_eda": thesis, "s01_more": supplement})
    pages = [path.read_text(encoding="utf-8") for path in rendering.render("smoke", formats=["html"])]
    assert '<a href="supplement.html#tbl:deep">Table\u00a0S1 of the supplement</a>' in pages[0]
    assert '<a href="supplement.html#ch:s01_more">Chapter\u00a0S1 of the supplement</a>' in pages[0]
    assert '<a href="thesis.html#fig:roc">Figure\u00a01 of the thesis</a>' in pages[1]
    assert "Table\u00a0S1." in pages[1] and '<a href="#tbl:deep">S1</a>' in pages[1]


def test_without_the_supplement_its_labels_are_mentioned_without_a_number(project):
    shows = executed('document.table(frame, "tbl:deep", caption="x")')
    project(**{"01_eda": chapter("One", new_markdown_cell("See @tbl:deep.")), "s01_more": chapter("More", shows)})
    chapter_files.executed("s01_more", "smoke").unlink()
    (page,) = rendering.render("smoke", ["thesis"], formats=["html"])
    assert '<a href="supplement.html">the\u00a0supplement</a>' in page.read_text(encoding="utf-8")
