"""Pandoc's document tree: read from Markdown, walked, written as HTML or Typst."""

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import pypandoc
from pandocfilters import Code, Header, walk

from cxr_helpers.errors import CxrError
from cxr_helpers.report.chapters import Chapter

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
SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
LINKED = ("http", "https", "mailto")
UNWRAPPED = ["--columns=10000", "--wrap=none"]  # a long line must not turn a table's columns into relative widths


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one notebook cell says: `place` names it in messages, `part` is "abstract" where it belongs there.

    `chapter` and `number` are the cell's notebook and its position there, empty for what comes from no notebook.
    """

    place: str
    blocks: list[Node]
    part: str = ""
    chapter: str = ""
    number: str = ""


@dataclasses.dataclass(frozen=True)
class Part:
    """A chapter or appendix as a tree: its name and its cells in order."""

    name: str
    cells: list[Cell]
    appendix: bool = False


def parse(chapter: Chapter, appendix: bool = False) -> Part:
    """Parse a chapter's Markdown; its first cell must begin with the one `# Title` of the chapter.

    Raises:
        CxrError: the title is missing, or a later cell has a second one.
    """
    cells = [_cell(block, chapter.name) for block in blocks(chapter.markdown)]
    body = [cell for cell in cells if cell.part != "abstract"]
    if not body or not body[0].blocks or not _is_title(body[0].blocks[0]):
        raise CxrError(f"Chapter {chapter.name} must begin with a Markdown cell whose first line is `# Title`.")
    for position, cell in enumerate(body):
        if any(_is_title(block) for block in cell.blocks[position == 0 :]):
            raise CxrError(f"{cell.place} begins a second chapter; use `##` below the title.")
    return Part(chapter.name, cells, appendix)


def blocks(markdown: str) -> list[Node]:
    """Return the blocks of a Markdown text; what could run in the page or the PDF has become words (see `_harmless`)."""
    tree = json.loads(pypandoc.convert_text(markdown, "json", format=READER, extra_args=UNWRAPPED))["blocks"]
    return transform(tree, _harmless)


def write(content: list[Node], meta: Node, to: str, arguments: list[str]) -> str:
    """Return `content` in pandoc's output format `to`."""
    tree = {"pandoc-api-version": [1, 23, 1], "meta": meta, "blocks": content}
    return pypandoc.convert_text(json.dumps(tree), to, format="json", extra_args=["--wrap=none", *arguments])


def transform(node: Any, action: Callable[[str, Any], Any]) -> Any:
    """Return `node` with every element replaced by what `action(type, content)` returns for it (None: kept)."""
    return walk(node, lambda kind, content, _format, _meta: action(kind, content), "", {})


def attributes(pairs: list[list[str]]) -> dict[str, str]:
    """Return an element's key-value attributes as a mapping."""
    return dict(pairs)


def _harmless(kind: str, content: list) -> Node | list[Node] | None:
    """Show as words what a file's name in a table could bring: raw HTML or Typst, links that are scripts, foreign pictures.

    A panel is a block, which a cell of a table cannot hold.
    """
    if kind == "RawInline":
        return Code(["", [], []], content[1])
    if kind == "Link" and (scheme := SCHEME.match(content[2][0])) and scheme[1].lower() not in LINKED:
        return content[1]
    if kind == "Image" and (SCHEME.match(content[2][0]) or content[2][0].startswith("//")):
        return content[1]
    return None


def _cell(block: Node, chapter: str) -> Cell:
    if not _is_cell(block):
        raise CxrError(f"Chapter {chapter}: a cell closes a division (`:::`) that it did not open; remove the line.")
    (_, _, pairs), content = block["c"]
    note = attributes(pairs)
    place = f"chapter {chapter}, cell {note['number']}"
    if any(_is_cell(inner) for inner in content):
        raise CxrError(f"{place} opens a division (`:::`) and does not close it; add the closing line.")
    return Cell(place, [_identified(inner, chapter) for inner in content], note.get("part", ""), chapter, note["number"])


def _is_cell(block: Node) -> bool:
    return block["t"] == "Div" and "cell" in block["c"][0][1]


def _is_title(block: Node) -> bool:
    return block["t"] == "Header" and block["c"][0] == 1


def _identified(block: Node, chapter: str) -> Node:
    """Make a heading's identifier unique over the chapters; the title's becomes `ch:<name>`."""
    if block["t"] != "Header":
        return block
    level, (identifier, classes, pairs), inlines = block["c"]
    unique = f"ch:{chapter}" if level == 1 else f"{chapter}-{identifier}"
    return Header(level, [unique, classes, pairs], inlines)
