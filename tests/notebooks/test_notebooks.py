"""The chapters' sources: how they are built, and that each runs top to bottom as a reader runs it, through nbmake."""

import ast
import statistics

import nbformat
import pytest
from nbmake.nb_run import NotebookRun

from cxr_helpers import paths
from cxr_helpers.workflow import chapter_files

CELL_SECONDS = 600  # nbmake's own limit of 300 is short for a machine that does other work
SHORT = ("01_eda", "s11_shift")  # the smoke report executes the thesis; through nbmake the others are the long form


@pytest.fixture(params=chapter_files.names())
def chapter(request):
    return request.param


@pytest.fixture
def notebook(chapter):
    return nbformat.read(chapter_files.source(chapter), as_version=4)


@pytest.fixture
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_the_chapters_of_thesis_and_supplement():
    names = ["eda", "preprocessing_ablation", "vgg16", "resnet50", "mobilenet", "comparison", "explainability"]
    assert sorted(chapter_files.of("thesis"))[:7] == [f"{number:02}_{name}" for number, name in enumerate(names, 1)]
    assert [name[:3] for name in chapter_files.of("supplement")[:2]] == ["s01", "s02"]


def test_ten_figures_carry_the_thesis():
    cells = [cell for name in chapter_files.of("thesis") for cell in nbformat.read(chapter_files.source(name), 4).cells]
    assert sum(cell.source.count("★ ") for cell in cells if cell.cell_type == "code") == 10


def test_a_chapter_of_the_thesis_imports_nothing_of_the_extras(chapter, code):
    imported = [node for cell in code for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.ImportFrom)]
    assert chapter.startswith("s") or not [node.module for node in imported if "extras" in (node.module or "")]


def test_the_first_cell_is_the_title_and_the_only_one(notebook):
    first, *others = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert notebook.cells[0].source == first and first.startswith("# ")
    assert not any(line.startswith("# ") for source in others for line in source.splitlines())


def test_the_title_is_followed_by_question_needs_and_time(notebook):
    opening = notebook.cells[0].source
    assert [word for word in ("**Question.**", "**Needs.**", "**Takes**") if word not in opening] == []


def test_a_source_holds_no_state_of_widgets(notebook):
    assert "widgets" not in notebook.metadata
    assert not any("application/vnd.jupyter.widget" in str(cell) for cell in notebook.cells)


def test_one_parameters_cell_comes_first_and_holds_literals(code):
    tagged = [index for index, cell in enumerate(code) if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == [0]
    values = {}
    for statement in ast.parse(code[0].source).body:
        assert isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        values[statement.targets[0].id] = ast.literal_eval(statement.value)
    assert values["profile"] == "auto"


def test_a_source_carries_no_results(code):
    assert not any(cell.outputs or cell.execution_count is not None for cell in code)


def test_functions_of_a_chapter_are_few_and_short(code):
    nodes = [node for cell in code for node in ast.walk(ast.parse(cell.source))]
    assert not [node for node in nodes if isinstance(node, ast.AsyncFunctionDef | ast.ClassDef)]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    assert len(functions) <= 2 and all(ast.get_docstring(node) and node.end_lineno - node.lineno < 15 for node in functions)


def test_cells_are_short(code):
    lengths = [len([line for line in cell.source.splitlines() if line.strip()]) for cell in code]
    assert statistics.median(lengths) <= 6 and max(lengths) <= 25


def test_the_last_cell_is_one_to_try_things_in_and_no_part_of_the_report(notebook):
    heading, cell = notebook.cells[-2:]
    assert heading.source.startswith("## Try this") and "remove-cell" in heading.metadata.tags
    assert {"remove-cell", "try-this"} <= set(cell.metadata.tags)
    for word in ("document.", "write(", "train(", "retrain"):
        assert word not in cell.source


def test_its_kernel_is_the_usual_one(notebook):
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.notebooks
@pytest.mark.parametrize(
    "chapter", [pytest.param(name, marks=() if name in SHORT else pytest.mark.long) for name in chapter_files.names()]
)
def test_a_chapter_runs_in_smoke(chapter, smoke_run, monkeypatch):
    monkeypatch.setenv("CXR_PROFILE", "smoke")
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT))
    result = NotebookRun(chapter_files.source(chapter), CELL_SECONDS).execute()
    assert result.error is None, result.error.trace
