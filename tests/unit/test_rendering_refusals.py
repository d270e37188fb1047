"""What the report refuses to render, and how it says where the fault is."""

import pytest
from nbformat.v4 import new_markdown_cell, new_output
from tiny_chapters import chapter, executed, figure, shown, table, workplace

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.report import document, rendering
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


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        (failing(executed("load()")), "cell 2 failed with ValueError: no such image"),
        (never_run(), "cell 2 never ran"),
        (new_markdown_cell("See @fig:nowhere."), "cell 2 refers to @fig:nowhere"),
        (new_markdown_cell("As shown [@nobody1999]."), "cell 2 cites 'nobody1999'"),
        (new_markdown_cell("See @tbl:nowhere and @sec:01_eda-no-such."), "cell 2 refers to @tbl:nowhere"),
        (new_markdown_cell("As in @sec:01_eda-no-such."), "cell 2 refers to @sec:01_eda-no-such"),
        (figure("fig:one", caption="After [@nobody1999]."), "cell 2 cites 'nobody1999'"),
        (new_markdown_cell("# Another title"), "hapter 01_eda must begin with its one `# Title`"),
        (new_markdown_cell("::: {.note}\nAn open division"), "a cell opens a division"),
        (new_markdown_cell("A division ends.\n\n::::::::::"), "or closes none"),
    ],
)
def test_a_faulty_chapter_is_named_with_its_cell_and_nothing_is_written(project, cell, complaint):
    project(**{"01_eda": chapter("One", cell, new_markdown_cell("The end."))})
    with pytest.raises(CxrError, match=complaint) as caught:
        rendering.render("smoke")
    assert "hapter 01_eda" in str(caught.value)
    assert not list(paths.reports("smoke").glob("thesis.*"))


def test_cells_are_counted_as_in_the_source_notebook(project):
    parameters = [executed("profile = 1", tags=["parameters"]), executed("profile = 2", tags=["injected-parameters"])]
    project(**{"01_eda": chapter("One", *parameters, new_markdown_cell("See @fig:nowhere."))})
    with pytest.raises(CxrError, match="chapter 01_eda, cell 3 refers"):
        rendering.render("smoke")


def test_one_label_in_two_chapters_is_refused(project):
    project(**{"01_eda": chapter("One", figure("fig:roc")), "02_models": chapter("Two", figure("fig:roc"))})
    with pytest.raises(CxrError, match="fig:roc is used twice, in chapter 01_eda, cell 2 and in chapter 02_models, cell 2"):
        rendering.render("smoke", ["thesis"])


def test_a_missing_chapter_is_refused(project):
    project(**{"01_eda": chapter("One"), "03_vgg16": chapter("Three")})
    chapter_files.executed("03_vgg16", "smoke").unlink()
    with pytest.raises(CxrError, match="Chapter 03_vgg16 has not been executed"):
        rendering.render("smoke", ["thesis"])


def test_documents_mention_each_other(project):
    thesis = chapter("One", new_markdown_cell("See @tbl:deep and @ch:s01_more."), figure("fig:roc"))
    supplement = chapter("More", table("tbl:deep"), new_markdown_cell("As in @fig:roc."))
    project(**{"01_eda": thesis, "s01_more": supplement})
    pages = [path.read_text(encoding="utf-8") for path in rendering.render("smoke", formats=["html"])]
    assert '<a href="supplement.html#tbl:deep">Table\u00a0S1 of the supplement</a>' in pages[0]
    assert '<a href="supplement.html#ch:s01_more">Chapter\u00a0S1 of the supplement</a>' in pages[0]
    assert '<a href="thesis.html#fig:roc">Figure\u00a01 of the thesis</a>' in pages[1]
    assert "Table\u00a0S1." in pages[1]


def test_tagged_cells_are_shown_before_the_chapters_or_in_the_supplement(project):
    tagged = {"key-results": shown(document.text, "**1.** It ranks."), "supplement": figure("fig:deep")}
    for tag, cell in tagged.items():
        cell.metadata["tags"] = [tag]
    thesis = chapter("One", new_markdown_cell("As @fig:deep shows."), *tagged.values())
    project(**{"01_eda": thesis, "s01_more": chapter("More")})
    thesis, supplement = (path.read_text(encoding="utf-8") for path in rendering.render("smoke", formats=["html"]))
    assert thesis.index('id="key-results"') < thesis.index("It ranks.") < thesis.index('id="ch:01_eda"')
    assert '<figure id="fig:deep"' not in thesis and 'href="supplement.html#fig:deep"' in thesis
    assert "One: details" in supplement and supplement.count('<figure id="fig:deep"') == 1


def test_without_the_supplement_its_labels_are_mentioned_without_a_number(project):
    shows = executed('document.table(frame, "tbl:deep", caption="x")')
    project(**{"01_eda": chapter("One", new_markdown_cell("See @tbl:deep.")), "s01_more": chapter("More", shows)})
    chapter_files.executed("s01_more", "smoke").unlink()
    (page,) = rendering.render("smoke", ["thesis"], formats=["html"])
    assert '<a href="supplement.html">the\u00a0supplement</a>' in page.read_text(encoding="utf-8")
