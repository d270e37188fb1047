"""A number that was changed by hand in a data file, in a record, in a stored result or in the page is found and named."""

import contextlib
import json
import re

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tiny_chapters import chapter, figure, first_chapter, second_chapter
from tiny_chapters import workplace as project

from cxr_helpers import paths, records
from cxr_helpers.base import stored_results
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.report import verify
from cxr_helpers.report import rendering
from cxr_helpers.workflow import chapter_files

CONFIG = Config(model="mobilenet")


@pytest.fixture
def report(monkeypatch, tmp_path):
    """A rendered thesis of tiny chapters whose cells "executed anew" say what they said; one figure is from a stored result."""
    write = project(monkeypatch, tmp_path)
    measured = paths.reports("smoke") / "measurements" / "speed.csv"
    measured.parent.mkdir(parents=True)
    measured.write_text("figure,value\nmilliseconds,12\n")
    drawn = figure("fig:speed")
    drawn.outputs[0].metadata["cxr"]["sources"] = {"reports/smoke/measurements/speed.csv": stored_results.digest(measured)}
    write("smoke", **{"01_eda": first_chapter(), "02_models": second_chapter(), "03_speed": chapter("Speed", drawn)})
    scores = pd.DataFrame([["a", "p", "test", 1, 0.9]], columns=records.SCORE_COLUMNS)
    records.write(CONFIG, "smoke", {}, {"scores": scores})
    rendering.render("smoke", ["thesis"])
    monkeypatch.setattr(verify, "recomputed", lambda profile, cores, chapters: contextlib.nullcontext(paths.build(profile)))
    return paths.reports("smoke")


def edited(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_report_that_nobody_touched_is_clean(report):
    assert verify.verify("smoke", 1) == []


def test_a_number_changed_in_a_figures_data_is_named(report):
    edited(report / "data" / "fig-roc.csv", "panel 1,line,1,1", "panel 1,line,1,0.9")
    assert verify.verify("smoke", 1) == ["fig-roc.csv, line 3: stored is 0.9, computed anew it is 1."]


def test_a_number_changed_in_the_stored_sentences_is_named(report):
    edited(report / "data" / "text-02_models.csv", "reaches 0.982", "reaches 0.992")
    (sentence,) = verify.verify("smoke", 1)
    assert sentence.startswith("text-02_models.csv, line 2: stored is The best model reaches 0.992")


def test_a_number_changed_in_the_page_is_named(report):
    edited(report / "thesis.html", "The best model reaches 0.982", "The best model reaches 0.983")
    (sentence,) = verify.verify("smoke", 1)
    assert sentence.startswith("thesis.html: it has") and "reaches 0.983" in sentence and "reaches 0.982" in sentence


def test_an_outline_moved_in_a_figure_of_the_page_is_named(report):
    page = report / "thesis.html"
    moved = re.sub(r"(M [\d.]+ )([\d.]+)( L)", r"\g<1>77\3", page.read_text(encoding="utf-8"), count=1)
    assert moved != page.read_text(encoding="utf-8")
    page.write_text(moved, encoding="utf-8")
    (sentence,) = verify.verify("smoke", 1)
    assert sentence.startswith("thesis.html: it has ")


def test_a_chapter_that_says_something_else_now_is_named(report):
    anew = second_chapter()
    anew.cells[1].outputs[0].data["text/markdown"] = "The best model reaches 0.981."
    nbformat.write(anew, chapter_files.executed("02_models", "smoke"))
    data, page, pdf = verify.verify("smoke", 1)
    assert data.endswith("stored is The best model reaches 0.982., computed anew it is The best model reaches 0.981..")
    assert page.startswith("thesis.html: ") and pdf.startswith("thesis.pdf: ") and "0.981" in page and "0.981" in pdf


def test_a_stored_result_changed_by_hand_is_named_and_nothing_is_executed(report, monkeypatch):
    edited(report / "measurements" / "speed.csv", "12", "13")
    monkeypatch.setattr(verify, "recomputed", None)
    (sentence,) = verify.verify("smoke", 1)
    assert sentence.startswith("reports/smoke/measurements/speed.csv is not what the report was made from")
    (report / "measurements" / "speed.csv").unlink()
    assert "speed.csv is missing" in verify.verify("smoke", 1)[0]


def test_a_score_file_changed_by_hand_is_named_and_nothing_is_executed(report, monkeypatch):
    (record,) = records.every("smoke")
    edited(record.folder / "scores.csv", "0.9", "0.8")
    monkeypatch.setattr(verify, "recomputed", None)
    (sentence,) = verify.verify("smoke", 1)
    assert f"scores.csv is not what run {CONFIG.run_id} wrote" in sentence
    (record.folder / "scores.csv").unlink()
    (sentence,) = verify.damages(record)
    assert sentence == f"{record.folder / 'scores.csv'} is missing; restore it from git or train the run again with --retrain."


@pytest.mark.parametrize("kind", ["html", "pdf"])
def test_without_page_or_pdf_there_is_nothing_to_verify(report, kind):
    (report / f"thesis.{kind}").unlink()
    with pytest.raises(CxrError, match=f"thesis.{kind} is missing"):
        verify.verify("smoke", 1)


def test_numbers_are_equal_within_the_digits_that_are_stored(report):
    stored = (report / "data" / "fig-roc.csv").read_text()
    assert verify.differences("fig-roc.csv", stored.replace("line,1,1", "line,1,1.000001"), "smoke") == []
    assert verify.differences("fig-roc.csv", stored.replace("line,1,1", "line,1,1.00001"), "smoke") != []
    (sentence,) = verify.differences("fig-gone.csv", stored, "smoke")
    assert sentence == "fig-gone.csv is missing; `cxr execute` of its chapter writes it."


@pytest.fixture
def checkout(monkeypatch, tmp_path, workplace):
    """A checkout with one chapter that reads a stored number."""
    root = workplace
    for folder in ("notebooks", "reports", "build/full/executed"):
        (root / folder).mkdir(parents=True)
    (root / "reports" / "stored.json").write_text("0.75")
    (root / "build" / "full" / "images.txt").write_text("7")
    code = (
        "import json\n"
        "from cxr_helpers import paths\n"
        "from cxr_helpers.report import document\n"
        "stored = paths.ROOT / 'reports' / 'stored.json'\n"
        "document.text(f\"It is {json.loads(stored.read_text())} of {(paths.build('full') / 'images.txt').read_text()}.\")"
    )
    parameters = new_code_cell('profile = "auto"', metadata={"tags": ["parameters"]})
    cells = [new_markdown_cell("# One"), parameters, new_code_cell(code)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), root / "notebooks" / "01_one.ipynb")
    return root


def test_chapters_are_executed_in_a_build_folder_of_their_own(checkout):
    with verify.recomputed("full", 1, ["01_one"]) as build:
        notebook = json.loads((build / "executed" / "01_one.ipynb").read_text())
        assert "It is 0.75 of 7." in json.dumps(notebook)
    assert not build.exists()
    assert not chapter_files.executed("01_one", "full").exists()


def test_a_chapter_that_fails_stops_with_its_cell(checkout):
    (checkout / "reports" / "stored.json").unlink()
    with pytest.raises(CxrError, match="cannot be computed anew: Chapter 01_one, cell 3 failed with FileNotFoundError"):
        with verify.recomputed("full", 1, ["01_one"]):
            pass
