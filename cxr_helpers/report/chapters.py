"""From an executed notebook to the Markdown of a chapter and its figures. Nothing is executed here."""

import dataclasses
import os
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from nbformat import NotebookNode
from traitlets.config import Config

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.report import table_cells
from cxr_helpers.workflow import chapter_files, shown_data

HIDDEN = {"remove-cell", "parameters", "injected-parameters"}
BARE = {"image/svg+xml", "image/png", "image/jpeg", "text/html"}
NAMED = 6  # runs or files; of more only the number is said


@dataclasses.dataclass(frozen=True)
class Chapter:
    """A chapter before it is parsed: its name, its Markdown, and its figures (relative path -> SVG bytes)."""

    name: str
    markdown: str
    figures: dict[str, bytes]


def read(path: Path, profile: str) -> Chapter:
    """Read the executed notebook at `path`.

    Raises:
        CxrError: it is missing, a cell of it failed or never ran, or it shows a figure or table without a caption.
    """
    name = path.stem
    if not path.is_file():
        raise CxrError(f"Chapter {name} has not been executed ({path} is missing); run `cxr execute {name}` first.")
    notebook = nbformat.read(path, as_version=4)
    for number, cell in shown_data.numbered(notebook):
        cell.metadata["cxr_cell"] = str(number)
        if cell.cell_type == "code":
            _check(cell, name)
    for number, note, data in shown_data.shown(notebook):
        missing = [source for source in note["sources"] if not (paths.ROOT / source).is_file()]
        if missing:
            said = f"chapter {name}, cell {number} shows what comes from {missing[0]}, which is not there"
            raise CxrError(f"The report is not rendered: {said}; restore it from git, or execute the chapter again.")
        if note.get("label"):
            note["digest"] = shown_data.digest(data["text/csv"])
            note["origin"] = _origin(note, number, name, profile)
    markdown, resources = _exporter().from_notebook_node(notebook, {"unique_key": name, "output_files_dir": "figures"})
    return Chapter(name, markdown, resources["outputs"])


def listed(name: str, markdown: str) -> Chapter:
    """Return a chapter that no notebook computes, of one cell and no figures, from Markdown that begins with its title."""
    return Chapter(name, f':::::::::: {{.cell number="1"}}\n\n{markdown}\n\n::::::::::\n', {})


def table(label: str, caption: str, rows, digits: int = 3) -> str:
    """Return the Markdown of a table (a frame, or Markdown of one) with label and caption, as the chapter template makes it."""
    shown = rows if isinstance(rows, str) else table_cells.markdown(rows, digits)
    return f':::::: {{.table id="{label}"}}\n\n{caption}\n\n{shown}\n\n::::::'


def address(path: Path, profile: str) -> str:
    """Return the relative address of a file on a page of the report."""
    return Path(os.path.relpath(path, paths.reports(profile))).as_posix()


def _check(cell: NotebookNode, chapter: str) -> None:
    place = f"The report is not rendered: chapter {chapter}, cell {cell.metadata.cxr_cell}"
    failure = next((output for output in cell.outputs if output.output_type == "error"), None)
    if failure:
        raise CxrError(f"{place} failed with {failure.ename}: {failure.evalue}")
    if cell.source.strip() and cell.execution_count is None:
        raise CxrError(f"{place} never ran; run `cxr execute {chapter}` again.")
    if HIDDEN & set(cell.metadata.get("tags", [])):
        return
    for output in cell.outputs:
        bare = BARE & set(output.get("data", {}))
        if bare and "cxr" not in output.metadata:
            remedy = "show it with document.figure or document.table, or tag the cell remove-cell"
            raise CxrError(f"{place} shows {min(bare)} without caption; {remedy}.")


def _origin(note: dict, cell: int, chapter: str, profile: str) -> str:
    """Return, in Markdown, the line below a figure or table of the page: its data, its cell, and the stored results behind it."""
    file = shown_data.file_name(note["label"])
    notebook = chapter_files.source(chapter)
    said = f"Data: [`{file}`](data/{file}). Computed by [cell {cell} of `{notebook.name}`]({address(notebook, profile)})"
    runs, others = [], []
    for source in map(Path, note["sources"]):
        link = address(paths.ROOT / source, profile)
        if source.name == "run.json":
            runs.append(f"[`{source.parent.name.rpartition('-')[0]}`]({link})")
        else:
            others.append(f"[`{source.name}`]({link})")
    if len(runs) > NAMED:
        runs = [f"[{len(runs)} run records](data/sources-{chapter}.json)"]
    if len(others) > NAMED:
        others = [f"[{len(others)} stored results](data/sources-{chapter}.json)"]
    return f"{said}{' from ' if runs or others else ''}{', '.join(runs + others)}."


def _exporter() -> MarkdownExporter:
    config = Config()
    config.MarkdownExporter.template_name = "chapter"
    config.MarkdownExporter.extra_template_basedirs = [str(paths.TEMPLATE)]
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = HIDDEN
    config.ExtractOutputPreprocessor.enabled = True
    config.ExtractOutputPreprocessor.extract_output_types = {"image/svg+xml"}
    return MarkdownExporter(config=config)
