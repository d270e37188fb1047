"""From an executed notebook to the Markdown of a chapter and its figures. Nothing is executed here."""

import dataclasses
import os
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.workflow import chapter_files

EXPORT = {
    "MarkdownExporter": {"template_name": "chapter", "extra_template_basedirs": [str(paths.TEMPLATE)]},
    "TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": {"remove-cell", "parameters", "injected-parameters"}},
    "ExtractOutputPreprocessor": {"enabled": True, "extract_output_types": {"image/svg+xml"}},
}


@dataclasses.dataclass(frozen=True)
class Chapter:
    """A chapter before it is parsed: its name, its Markdown, its figures (relative path -> SVG bytes), its data (file -> CSV)."""

    name: str
    markdown: str
    figures: dict[str, bytes]
    data: dict[str, str] = dataclasses.field(default_factory=dict)


def read(path: Path, profile: str) -> Chapter:
    """Read the executed notebook at `path`; a missing one, or one with a cell that failed or never ran, is a CxrError.

    A line below its title leads to its source, one below a figure or table to its data.
    """
    name = path.stem
    if not path.is_file():
        raise CxrError(f"Chapter {name} has not been executed ({path} is missing); run `cxr execute {name}` first.")
    notebook = nbformat.read(path, as_version=4)
    source = chapter_files.source(name)
    address = Path(os.path.relpath(source, paths.reports(profile))).as_posix()
    for number, cell in chapter_files.numbered(notebook):
        cell.metadata["cxr_cell"] = str(number)
        failed = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        if failed or (cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None):
            why = (
                f"failed with {failed[0].ename}: {failed[0].evalue}" if failed else f"never ran; run `cxr execute {name}` again."
            )
            raise CxrError(f"The report is not rendered: chapter {name}, cell {number} {why}")
    stored = {}
    for number, note, data in chapter_files.shown(notebook):
        if note.get("label"):
            file = chapter_files.file_name(note["label"])
            stored[file] = data["text/csv"]
            note["origin"] = f"Data: [`{file}`](data/{file}), [sources](data/sources-{name}.json), "
            note["origin"] += f"[cell {number} of `{source.name}`]({address})."
    title, _, prose = notebook.cells[0].source.partition("\n")
    code = f"Code: [`{source.relative_to(paths.ROOT).as_posix()}`]({address})"
    question, _, needs = prose.partition("\n\n**Needs.**")  # what only a reader of the notebook asks for
    needs = f"\n\n**Needs.**{needs}" if needs else ""
    notebook.cells[0].source = f"{title}\n\n::: {{.notebook}}\n{code}{needs}\n:::\n\n{question}"
    markdown, resources = MarkdownExporter(config=Config(EXPORT)).from_notebook_node(
        notebook, {"unique_key": name, "output_files_dir": "figures"}
    )
    return Chapter(name, markdown, resources["outputs"], stored)
