"""The data files of an executed chapter: one a figure and table, one of its sentences, one of what they come from."""

import json

import pandas as pd
from tiny_chapters import chapter, figure, shown, table

from cxr_helpers import paths
from cxr_helpers.report import document
from cxr_helpers.workflow import chapter_files


def two_cells():
    frame = pd.DataFrame({"model": ["vgg16"], "AUC": [0.98765432109], "images": [624]})
    counted = shown(document.table, frame, "tbl:auc", caption="Areas of 3 models.", digits=2)
    for output in counted.outputs:
        output.metadata["cxr"]["sources"] = {"reports/runs/a/run.json": "12ab"}
    return chapter("One", counted, shown(document.text, "It is **0.99**,\nsays the table."), figure("fig:roc"))


def test_numbers_are_stored_as_they_are_and_not_as_they_are_shown(workplace):
    files = chapter_files.files(two_cells(), "01_one")
    assert files["tbl-auc.csv"] == "model,AUC,images\nvgg16,0.9876543,624\n"
    assert files["fig-roc.csv"].splitlines() == ["panel,kind,x,y", "panel 1,line,0,0", "panel 1,line,1,1"]


def test_sentences_and_captions_are_stored_with_their_cells(workplace):
    lines = chapter_files.files(two_cells(), "01_one")["text-01_one.csv"].splitlines()
    assert lines[:3] == ["cell,label,sentence", "2,tbl:auc,Areas of 3 models.", '3,,"It is **0.99**, says the table."']


def test_a_chapter_names_what_it_comes_from(workplace):
    said = json.loads(chapter_files.files(two_cells(), "01_one")["sources-01_one.json"])
    assert said == {"reports/runs/a/run.json": "12ab"}
    chapter_files.store(two_cells(), "01_one", "smoke")
    assert chapter_files.sources("01_one", "smoke") == said and chapter_files.sources("02_two", "smoke") == {}


def test_what_a_chapter_shows_no_more_goes(workplace):
    chapter_files.store(two_cells(), "01_one", "smoke")
    chapter_files.store(chapter("Two", table("tbl:other")), "02_two", "smoke")
    chapter_files.store(chapter("One", figure("fig:roc")), "01_one", "smoke")
    names = {path.name for path in (paths.reports("smoke") / "data").iterdir()}
    assert "tbl-auc.csv" not in names and {"fig-roc.csv", "tbl-other.csv", "text-01_one.csv"} <= names
