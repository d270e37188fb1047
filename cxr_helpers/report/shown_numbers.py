"""Every number that a piece of the report shows, with its place: found alike in the tree that is rendered and in the page."""

import re
from collections.abc import Iterator, Sequence

from pandocfilters import stringify

from cxr_helpers.report import floats
from cxr_helpers.report.syntax_tree import Node, transform

# Not the number in a name (VGG-16, s0) or in a version (3.11.7).
NUMBER = re.compile(r"(?<![\w.])(?<![A-Za-z_][-–])[+\u2212-]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[\u2212-]?\d+)?(?!\.?\w)")
TEXT = "text"
WORDS = 5  # before a number in a sentence; they tell it from the others
NAMING = 3  # columns at most that make the name of a table's row
SILENT = {"notebook", "origin", "page-only"}  # divisions whose numbers name cells, or stand in a table as well
NUMBERS_OF_THINGS = {"citation", "caption-number", "number"}  # spans in which pages and captions are counted
QUOTES = str.maketrans("", "", "“”‘’\"'")  # elements in the tree, characters in the page

Shown = tuple[str, str, str, str]


def of_blocks(blocks: Sequence[Node], label: str = TEXT) -> Iterator[Shown]:
    """Yield (label, row, column, text) of every number in `blocks`, headings and code left out.

    In a table, `row` is the row's name, `text` the whole cell. In a sentence or caption, `row` is the words before the
    number, further numbers among them as "…", `column` is empty and `text` the number itself.
    """
    for block in blocks:
        kind, content = block["t"], block.get("c")
        if kind == "Table":
            yield from _of_inlines(floats.caption(block), floats.label(block))
            yield from _of_table(block)
        elif kind == "Figure":
            yield from _of_inlines(floats.caption(block), floats.label(block))
        elif kind in ("Para", "Plain"):
            yield from _of_inlines(content, label)
        elif kind == "Div" and not SILENT & set(content[0][1]):
            yield from of_blocks(content[1], label)
        elif kind == "BlockQuote":
            yield from of_blocks(content, label)
        elif kind in ("BulletList", "OrderedList"):
            for item in content if kind == "BulletList" else content[1]:
                yield from of_blocks(item, label)


def _of_inlines(inlines: list[Node], label: str) -> Iterator[Shown]:
    text = _said(inlines)
    for match in NUMBER.finditer(text):
        before = NUMBER.sub("…", text[: match.start()]).split()
        yield label, " ".join(before[-WORDS:]), "", match[0]


def _of_table(table: Node) -> Iterator[Shown]:
    _, _, _, (_, head), bodies, _ = table["c"]
    columns = [_name(cell) for cell in head[0][1]] if head else []
    rows = [row for _, _, _, body in bodies for _, row in body]
    for name, cells in zip(_row_names(rows), rows, strict=True):
        for column, cell in zip(columns, cells, strict=True):
            text = _said(cell[-1])
            if NUMBER.search(text):
                yield floats.label(table), name, column, text


def _row_names(rows: list[list[Node]]) -> list[str]:
    """Return the first cell of each row, with as many of the next ones as it takes to tell the rows apart."""
    names = [[_name(cell) for cell in cells[:NAMING]] for cells in rows]
    for count in range(1, NAMING + 1):
        joined = [" · ".join(name[:count]) for name in names]
        if len(set(joined)) == len(joined):
            break
    return joined if rows else []


def _name(cell: Node) -> str:
    return _text(transform(cell[-1], lambda kind, content: [] if _is_citation(kind, content) else None))


def _said(nodes: list[Node]) -> str:
    """Return the text in which numbers are results: without code, formulas, notes, citations and cross-references."""

    def drop(kind: str, content: list) -> list | None:
        return [] if kind in ("Code", "Math", "Note", "Link") or _is_citation(kind, content) else None

    return _text(transform(nodes, drop))


def _is_citation(kind: str, content: list) -> bool:
    return kind == "Cite" or (kind == "Span" and bool(NUMBERS_OF_THINGS & set(content[0][1])))


def _text(nodes: list[Node]) -> str:
    return " ".join(stringify(nodes).translate(QUOTES).split())
