"""From an executed notebook to the Markdown of a chapter and its figures. Nothing is executed here."""

import dataclasses
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from nbformat import NotebookNode
from traitlets.config import Config

from cxr_helpers import paths
from cxr_helpers.errors import CxrError

HIDDEN = {"remove-cell", "parameters", "injected-parameters"}
BARE = {"image/svg+xml", "image/png", "image/jpeg", "text/html"}


@dataclasses.dataclass(frozen=True)
class Chapter:
    """A chapter before it is parsed: its name, its Markdown, and its figures (relative path -> SVG bytes)."""

    name: str
    markdown: str
    figures: dict[str, bytes]


def read(path: Path) -> Chapter:
    """Read the executed notebook at `path`.

    Raises:
        CxrError: it is missing, a cell of it failed or never ran, or it shows a figure or table without a caption.
    """
    name = path.stem
    if not path.is_file():
        raise CxrError(f"Chapter {name} has not been executed ({path} is missing); run `cxr execute {name}` first.")
    notebook = nbformat.read(path, as_version=4)
    _number_cells(notebook)
    _check_executed(notebook, name)
    _check_outputs(notebook, name)
    markdown, resources = _exporter().from_notebook_node(notebook, _resources(name))
    return Chapter(name, markdown, resources["outputs"])


def _number_cells(notebook: NotebookNode) -> None:
    """Number the cells as in the source notebook, where papermill's injected cell does not exist."""
    number = 0
    for cell in notebook.cells:
        number += "injected-parameters" not in _tags(cell)
        cell.metadata["cxr_cell"] = str(number)


def _check_executed(notebook: NotebookNode, chapter: str) -> None:
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        place = f"chapter {chapter}, cell {cell.metadata.cxr_cell}"
        failure = next((output for output in cell.outputs if output.output_type == "error"), None)
        if failure:
            raise CxrError(f"The report is not rendered: {place} failed with {failure.ename}: {failure.evalue}")
        if cell.source.strip() and cell.execution_count is None:
            raise CxrError(f"The report is not rendered: {place} never ran; run `cxr execute {chapter}` again.")


def _check_outputs(notebook: NotebookNode, chapter: str) -> None:
    for cell in notebook.cells:
        if cell.cell_type != "code" or _tags(cell) & HIDDEN:
            continue
        place = f"chapter {chapter}, cell {cell.metadata.cxr_cell}"
        for output in cell.outputs:
            bare = BARE & set(output.get("data", {}))
            if bare and "cxr" not in output.metadata:
                raise CxrError(
                    f"The report is not rendered: {place} shows {min(bare)} without caption; "
                    "show it with document.figure or document.table, or tag the cell remove-cell."
                )


def _tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def _exporter() -> MarkdownExporter:
    config = Config()
    config.MarkdownExporter.template_name = "chapter"
    config.MarkdownExporter.extra_template_basedirs = [str(paths.TEMPLATE)]
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = HIDDEN
    config.ExtractOutputPreprocessor.enabled = True
    config.ExtractOutputPreprocessor.extract_output_types = {"image/svg+xml"}
    return MarkdownExporter(config=config)


def _resources(name: str) -> dict:
    return {"unique_key": name, "output_files_dir": "figures"}
