"""A number that was changed by hand in the ledger, in the page or in a score file is found and named."""

import contextlib
import json

import nbformat
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tiny_chapters import chapter, first_chapter, second_chapter, shown, workplace

from cxr_helpers import paths, records
from cxr_helpers.config import Config
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError
from cxr_helpers.report import document, ledger, print_check, rendering, verify
from cxr_helpers.workflow import chapter_files

CONFIG = Config(model="mobilenet")


@pytest.fixture
def report(monkeypatch, tmp_path):
    """A rendered report of two tiny chapters whose cells "executed anew" say what they said."""
    write = workplace(monkeypatch, tmp_path)
    write("smoke", **{"01_eda": first_chapter(), "02_models": second_chapter()})
    rendering.render("smoke")
    monkeypatch.setattr(verify, "recomputed", lambda profile, cores: contextlib.nullcontext(paths.build(profile)))
    return paths.reports("smoke")


def edited(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_report_that_nobody_touched_is_clean(report):
    assert verify.verify("smoke", 1) == []


def test_a_number_changed_in_the_ledger_differs_from_page_pdf_and_records(report):
    edited(report / "numbers.csv", "The best model reaches,,0.982", "The best model reaches,,0.992")
    place = "02_models, cell 2, abstract, after 'The best model reaches': the ledger has 0.992"
    printed = "abstract: the ledger has 0.992 1 times, the PDF prints it 0 times."
    assert verify.verify("smoke", 1) == [f"{place}, the page has 0.982.", printed, f"{place}, computed anew it is 0.982."]


def test_a_number_changed_in_the_page_is_named(report):
    edited(report / "thesis.html", "The best model reaches 0.982", "The best model reaches 0.983")
    (sentence,) = verify.verify("smoke", 1)
    assert sentence.endswith("the ledger has 0.982, the page has 0.983.")


def test_a_chapter_that_says_something_else_now_is_named(report):
    write_anew = second_chapter()
    write_anew.cells[1].outputs[0].data["text/markdown"] = "The best model reaches 0.981."
    nbformat.write(write_anew, paths.build("smoke") / "executed" / "02_models.ipynb")
    (sentence,) = verify.verify("smoke", 1)
    assert sentence.endswith("the ledger has 0.982, computed anew it is 0.981.")


def test_a_score_file_changed_by_hand_is_named_and_nothing_is_executed(report, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "runs", lambda profile: tmp_path / "runs")
    scores = pd.DataFrame([["a", "p", "test", 1, 0.9]], columns=records.SCORE_COLUMNS)
    record = records.write(CONFIG, "smoke", {}, {"scores": scores})
    assert verify.damages(record) == []
    edited(record.folder / "scores.csv", "0.9", "0.8")
    monkeypatch.setattr(rendering.records, "every", lambda profile: [record])
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


def test_a_number_that_the_pdf_lacks_is_named_with_its_part(report):
    page, numbers = (report / "thesis.html").read_text(encoding="utf-8"), ledger.read("smoke")
    assert print_check.lacking(numbers, page, report / "thesis.pdf") == []
    numbers.loc[(numbers.label == "tbl:wide").idxmax(), "text"] = "0.555 [0.970, 0.991]"
    sentence = "02_models: the ledger has 0.555 1 times, the PDF prints it 0 times."
    assert print_check.lacking(numbers, page, report / "thesis.pdf") == [sentence]


def test_a_curve_that_was_moved_in_the_page_is_named(monkeypatch, tmp_path):
    fig, ax = plt.subplots()
    ax.plot([0, 0.5, 1], [0, 0.75, 1], label="net")
    curve = shown(document.figure, fig, "fig:curve", caption="A curve.", alt="A curve")
    workplace(monkeypatch, tmp_path)("smoke", **{"01_eda": chapter("One", curve)})
    rendering.render("smoke")
    monkeypatch.setattr(verify, "recomputed", lambda profile, cores: contextlib.nullcontext(paths.build(profile)))
    assert verify.verify("smoke", 1) == []
    edited(paths.reports("smoke") / "thesis.html", "0.5,0.75]", "0.5,0.85]")
    assert verify.verify("smoke", 1) == ["fig:curve: the page's curves are not those computed anew."]


def test_the_readmes_picture_is_the_pages(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    page = '<figure id="fig:final-roc">\n<img src="data:image/svg+xml,%3Csvg/%3E" alt="">'
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "overview.svg").write_text("<svg/>")
    assert verify._overview(page, "full") == []
    (tmp_path / "reports" / "overview.svg").write_text("<svg></svg>")
    assert "overview.svg is not the page's fig:final-roc" in verify._overview(page, "full")[0]


@pytest.fixture
def checkout(monkeypatch, tmp_path):
    """A checkout with one chapter that reads a stored number and writes over its file."""
    root = tmp_path / "checkout"
    for folder in ("notebooks", "reports", "build/full/executed"):
        (root / folder).mkdir(parents=True)
    (root / "reports" / "stored.json").write_text("0.75")
    (root / "build" / "full" / "images.txt").write_text("7")
    code = (
        "import json\n"
        "from cxr_helpers import paths\n"
        "from cxr_helpers.base.files import atomic_write\n"
        "from cxr_helpers.report import document\n"
        "stored = paths.ROOT / 'reports' / 'stored.json'\n"
        "document.text(f\"It is {json.loads(stored.read_text())} of {(paths.build('full') / 'images.txt').read_text()}.\")\n"
        "atomic_write(stored, '0.25')"
    )
    parameters = new_code_cell('profile = "auto"', metadata={"tags": ["parameters"]})
    cells = [new_markdown_cell("# One"), parameters, new_code_cell(code)]
    nbformat.write(new_notebook(cells=cells), root / "notebooks" / "01_one.ipynb")
    source = dataset.Source(tmp_path, "given", "synthetic image")
    monkeypatch.setattr(verify.dataset, "discover", lambda profile: source)
    monkeypatch.setattr(paths, "ROOT", root)
    monkeypatch.setattr(paths, "NOTEBOOKS", root / "notebooks")
    monkeypatch.delenv("CXR_BUILD_DIR", raising=False)
    return root


def test_chapters_are_executed_in_a_copy_and_the_original_stays_as_it_is(checkout):
    with verify.recomputed("full", 1) as build:
        notebook = json.loads((build / "executed" / "01_one.ipynb").read_text())
        assert "It is 0.75 of 7." in json.dumps(notebook)
        assert (build.parent.parent / "reports" / "stored.json").read_text() == "0.25"
    assert not build.exists()
    assert (checkout / "reports" / "stored.json").read_text() == "0.75"
    assert not chapter_files.executed("01_one", "full").exists()


def test_a_chapter_that_fails_stops_with_its_cell(checkout):
    (checkout / "reports" / "stored.json").unlink()
    with pytest.raises(CxrError, match="cannot be computed anew: Chapter 01_one, cell 3 failed with FileNotFoundError"):
        with verify.recomputed("full", 1):
            pass
