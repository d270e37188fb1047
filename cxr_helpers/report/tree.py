"""From an executed notebook to Markdown and to pandoc's tree, its figures and tables put together and checked, and out again."""

import dataclasses
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pypandoc
from nbconvert import MarkdownExporter
from pandocfilters import Code, Div, Header, Image, Plain, Str, walk
from traitlets.config import Config

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.workflow import chapter_files

Node = dict[str, Any]

# Markdown as Jupyter shows it: a list needs no blank line before it, "~5" and "(a)" stay as typed, "---" is a rule.
READER = "markdown+lists_without_preceding_blankline" + "".join(
    f"-{extension}"
    for extension in (
        *("blank_before_header", "blank_before_blockquote", "example_lists", "fancy_lists", "implicit_figures"),
        *("latex_macros", "line_blocks", "pandoc_title_block", "raw_html", "raw_tex", "subscript", "superscript"),
        *("table_captions", "yaml_metadata_block"),
    )
)
MENTION = re.compile(r"@((?:fig|tbl|ch|sec):[\w-]*\w)")
SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
LINKED = ("http", "https", "mailto")
UNWRAPPED = ["--columns=10000", "--wrap=none"]  # a long line must not turn a table's columns into relative widths
BIBLIOGRAPHY = paths.ROOT / "reports" / "references.bib"
CITED = ["--citeproc", f"--bibliography={BIBLIOGRAPHY}", f"--csl={paths.TEMPLATE / 'ieee.csl'}", "--metadata=link-citations:true"]
EXPORT = {
    "MarkdownExporter": {"template_name": "chapter", "extra_template_basedirs": [str(paths.TEMPLATE)]},
    "TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": {"remove-cell", "parameters", "injected-parameters"}},
    "ExtractOutputPreprocessor": {"enabled": True, "extract_output_types": {"image/svg+xml"}},
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one notebook cell says: `place` names it in messages.

    `belongs` is the part of the report that it was tagged for, "" for the chapter itself.
    """

    place: str
    blocks: list[Node]
    belongs: str = ""


@dataclasses.dataclass(frozen=True)
class Part:
    """A chapter as a tree: its name, its cells in order, its figures (relative path -> SVG bytes), its data (file -> CSV)."""

    name: str
    cells: list[Cell]
    figures: dict[str, bytes] = dataclasses.field(default_factory=dict)
    data: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def blocks(self) -> list[Node]:
        """Return the blocks of all cells."""
        return [block for cell in self.cells for block in cell.blocks]


@dataclasses.dataclass(frozen=True)
class Document:
    """A document as a tree: what has no number (abstract, introduction), its chapters, the numbers of its labels.

    `figures` maps each file that it names to an SVG, `data` each to a CSV; `meta` are the variables of the templates.
    """

    before: list[Part]
    chapters: list[Part]
    names: dict[str, str]
    figures: dict[str, bytes]
    data: dict[str, str]
    meta: Node

    @property
    def references(self) -> list[Node]:
        """Return the heading of the list of references, and where pandoc puts the list."""
        return [Header(1, ["references", ["unnumbered"], []], [Str("References")]), Div(["refs", [], []], [])]


def read(path: Path, profile: str) -> Part:
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
    return dataclasses.replace(parse(name, markdown), figures=resources["outputs"], data=stored)


def parse(name: str, markdown: str) -> Part:
    """Parse a chapter's Markdown; its first cell must begin with the one `# Title` of the chapter, else it is a CxrError."""
    part = Part(name, [_cell(block, name) for block in blocks(markdown)])
    body = [block for cell in part.cells if not cell.belongs for block in cell.blocks]
    if not body or [block for block in body if block["t"] == "Header" and block["c"][0] == 1] != body[:1]:
        raise CxrError(f"Chapter {name} must begin with its one `# Title`; use `##` below it.")
    return part


def blocks(markdown: str) -> list[Node]:
    """Return the blocks of a Markdown text; what could run in the page or the PDF has become words (see `_harmless`)."""
    return transform(parsed(markdown, READER)["blocks"], _harmless)


def parsed(markdown: str, reader: str) -> Node:
    """Return a Markdown text as pandoc's tree, a mention of a label ("@fig:roc") as an empty span that names it."""
    marked = MENTION.sub(r'[]{mention="\1"}', markdown)
    return json.loads(pypandoc.convert_text(marked, "json", format=reader, extra_args=UNWRAPPED))


def write(content: list[Node], meta: Node, to: str, arguments: list[str]) -> str:
    """Return `content` in pandoc's output format `to`; with `CITED` citations are set in the manner of the IEEE."""
    tree = {"pandoc-api-version": [1, 23, 1], "meta": meta, "blocks": content}
    return pypandoc.convert_text(json.dumps(tree), to, format="json", extra_args=["--wrap=none", *arguments])


def transform(node: Any, action: Callable[[str, Any], Any]) -> Any:
    """Return `node` with every element replaced by what `action(type, content)` returns for it (None: kept)."""
    return walk(node, lambda kind, content, _format, _meta: action(kind, content), "", {})


def label(block: Node) -> str:
    """Return the label of a figure or table, "" for every other block."""
    return block["c"][0][0] if block["t"] in ("Figure", "Table") else ""


def caption(element: Node) -> list[Node]:
    """Return the caption of a figure or table as inline elements."""
    return element["c"][1][1][0]["c"]


def with_caption(element: Node, inlines: list[Node]) -> Node:
    """Return a figure or table with another caption."""
    identity, _, *rest = element["c"]
    return {"t": element["t"], "c": [identity, [None, [Plain(inlines)]], *rest]}


def split_caption(inlines: list[Node]) -> tuple[list[Node], list[Node]]:
    """Return a caption's first sentence without its full stop, for the lists of figures and tables, and what follows."""
    for position, word in enumerate(inlines):
        if word["t"] == "Str" and word["c"].endswith("."):
            following = inlines[position + 2 : position + 3]  # "vs. the" and "e.g. a" go on in lower case
            if not (following and following[0]["t"] == "Str" and following[0]["c"][0].islower()):
                return [*inlines[:position], Str(word["c"].removesuffix("."))], [Str("."), *inlines[position + 1 :]]
    return inlines, []


def image(figure: Node) -> tuple[str, str]:
    """Return the alternative text and the file of a figure's picture."""
    _, alt, (path, _) = figure["c"][2][0]["c"][0]["c"]
    return alt[0]["c"], path


def has_class(block: Node, name: str) -> bool:
    """Tell whether a block is a division of that class."""
    return block["t"] == "Div" and name in block["c"][0][1]


def _harmless(kind: str, content: list) -> Node | list[Node] | None:
    """Show as words what a file's name in a table could bring: raw HTML or Typst, links that are scripts, pictures.

    A panel is a block, which a cell of a table cannot hold.
    """
    if kind == "RawInline":
        return Code(["", [], []], content[1])
    if kind == "Image":
        return content[1]
    if kind == "Link" and (scheme := SCHEME.match(content[2][0])) and scheme[1].lower() not in LINKED:
        return content[1]
    return None


def _cell(block: Node, chapter: str) -> Cell:
    """Return what the division that the template made for a cell says; one that a cell opens and does not close is a CxrError."""
    if not has_class(block, "cell") or any(has_class(inner, "cell") for inner in block["c"][1]):
        raise CxrError(f"Chapter {chapter}: a cell opens a division (`:::`) without closing it, or closes none; correct it.")
    (_, _, pairs), content = block["c"]
    note = dict(pairs)
    built = [_built(inner, chapter) for inner in content]
    return Cell(f"chapter {chapter}, cell {note['number']}", built, note.get("part", ""))


def _built(block: Node, chapter: str) -> Node:
    """Return a figure or table for the division that the template made for it, a heading with an identifier of its own."""
    if block["t"] == "Header":  # identifiers are unique over the chapters; the title's is `ch:<name>`
        level, (identifier, classes, pairs), inlines = block["c"]
        return Header(level, [f"ch:{chapter}" if level == 1 else f"{chapter}-{identifier}", classes, pairs], inlines)
    if not has_class(block, "figure") and not has_class(block, "table"):
        return block
    (identifier, _, pairs), (words, *content) = block["c"]
    note = dict(pairs)
    identity = [identifier, [], []]
    if has_class(block, "table"):
        return with_caption({"t": "Table", "c": [identity, *content[-1]["c"][1:]]}, words["c"])
    picture = Image(["", [], []], [Str(note["alt"])], [note["source"], ""])
    return {"t": "Figure", "c": [identity, [None, [Plain(words["c"])]], [Plain([picture])]]}
