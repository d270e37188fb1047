"""CLAIM 2024 and TRIPOD+AI: every item has an answer, and every place that an answer names is there."""

import re

import nbformat
import pytest

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.report import checklists
from cxr_helpers.report import rendering, tree
from cxr_helpers.workflow import chapter_files

POINTER = re.compile(r"@((?:fig|tbl|ch|sec):[\w-]+)")
FILE = re.compile(r"`([\w./-]*/[\w./-]+|[A-Z]\w+)`")
APPENDICES = ("run_records", "model_card", "datasheet")
APPENDED = {"tbl:run-records"}
TRIPOD_PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}


def answers(name):
    return checklists.items(checklists.source(name))


def texts():
    """Return all that answers say, the datasheet with them."""
    rows = [row for name in checklists.CHECKLISTS for row in answers(name).itertuples()]
    sheet = (checklists.FOLDER / "datasheet.md").read_text(encoding="utf-8")
    return [sheet, *(row.where for row in rows), *(row.not_done for row in rows)]


def sections():
    """Return the labels of all chapters and of their sections, from the notebooks as they are written."""
    found = set()
    for name in chapter_files.names():
        cells = nbformat.read(chapter_files.source(name), as_version=4).cells
        prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        headings = [block["c"] for block in tree.blocks(prose) if block["t"] == "Header"]
        found |= {f"ch:{name}"} | {f"sec:{name}-{identity}" for level, (identity, _, _), _ in headings if level == 2}
    return found


def test_claim_has_its_44_items_in_order():
    assert list(answers("claim_2024").number) == [str(number) for number in range(1, 45)]


def test_tripod_has_its_27_items_in_order_with_their_parts():
    expected = [f"{number}{part}" for number in range(1, 28) for part in TRIPOD_PARTS.get(number, [""])]
    assert list(answers("tripod_ai").number) == expected


@pytest.mark.parametrize("name", checklists.CHECKLISTS)
def test_every_item_has_a_place_or_a_reason(name):
    for row in answers(name).itertuples():
        assert bool(row.where) != bool(row.not_done), row.number
        assert not row.where or POINTER.search(row.where) or row.where.startswith(("Title page", "Abstract")), row.number


def test_chapters_and_sections_that_answers_name_are_there():
    named = {pointer for text in texts() for pointer in POINTER.findall(text) if pointer.startswith(("ch:", "sec:"))}
    assert named - sections() - {f"ch:{name}" for name in APPENDICES} == set()


def test_figures_and_tables_that_answers_name_stand_in_a_chapter():
    shown = {file.stem.replace("-", ":", 1) for file in (paths.reports("full") / "data").glob("*.csv")}
    named = {pointer for text in texts() for pointer in POINTER.findall(text) if pointer.startswith(("fig:", "tbl:"))}
    assert len(named) > 30
    assert named - APPENDED - shown == set()


def test_files_that_answers_name_are_there():
    named = {file for text in texts() for file in FILE.findall(text)}
    assert "LICENSE" in named and "reports/splits/official.csv.gz" in named
    assert {file for file in named if not (paths.ROOT / file).exists()} == set()


def test_an_item_without_an_answer_is_named(tmp_path):
    file = tmp_path / "list.toml"
    for fields in ("", 'where = "@ch:01_eda"\nnot_done = "no time"'):
        file.write_text(f'[[item]]\nnumber = "7"\nsection = "Data"\ntopic = "Sources"\n{fields}\n')
        with pytest.raises(CxrError, match="list.toml, item 7: write section, topic, and one of `where` and `not_done`"):
            checklists.items(file)


def test_the_appendices_are_card_datasheet_and_one_table_a_checklist():
    chapters = {chapter.name: chapter for chapter in checklists.chapters("full")}
    assert list(chapters) == ["model_card", "datasheet", "claim_2024", "tripod_ai"]
    labels = [tree.label(block) for part in chapters.values() for block in part.blocks if tree.label(block)]
    assert labels == ["tbl:model-card", "tbl:claim-2024", "tbl:tripod-ai"]


@pytest.mark.report
def test_every_pointer_resolves_in_the_executed_chapters(smoke_run):
    made = rendering.assemble(["thesis"], "smoke", rendering.facts("smoke"))
    labels = set(made["thesis"].names) | sections()
    labels |= {label for name in chapter_files.of("thesis") for label in chapter_files.sentences(name, "smoke").label}
    there = {pointer for pointer in APPENDED | {f"ch:{name}" for name in APPENDICES}}
    code = "".join(chapter_files.source(name).read_text(encoding="utf-8") for name in chapter_files.of("supplement"))
    named = {pointer for text in texts() for pointer in POINTER.findall(text)} - labels - there
    assert {pointer for pointer in named if pointer not in code} == set()
