"""Figures and tables as elements of the tree: label, caption and, for a picture, its alternative text."""

import dataclasses

from pandocfilters import Image, Plain, Str

from cxr_helpers.errors import CxrError
from cxr_helpers.report.syntax_tree import Cell, Node, Part, attributes, transform


def gather(part: Part) -> Part:
    """Return `part` with the divisions that the chapter template made for figures and tables turned into such.

    Raises:
        CxrError: one lacks a caption or an alternative text, or a picture was put into prose.
    """
    return dataclasses.replace(part, cells=[dataclasses.replace(cell, blocks=_built(cell)) for cell in part.cells])


def caption(element: Node) -> list[Node]:
    """Return the caption of a figure or table as inline elements."""
    return element["c"][1][1][0]["c"]


def split_caption(inlines: list[Node]) -> tuple[list[Node], list[Node]]:
    """Return a caption's first sentence without its full stop, for the lists of figures and tables, and what follows."""
    end = next((position for position in range(len(inlines)) if _ends_sentence(inlines, position)), None)
    if end is None:
        return inlines, []
    stem = Str(inlines[end]["c"].removesuffix("."))
    return [*inlines[:end], stem], [Str("."), *inlines[end + 1 :]]


def with_caption(element: Node, inlines: list[Node]) -> Node:
    """Return a figure or table with another caption."""
    identity, _, *rest = element["c"]
    return {"t": element["t"], "c": [identity, [None, [Plain(inlines)]], *rest]}


def label(block: Node) -> str:
    """Return the label of a figure or table, "" for every other block."""
    return block["c"][0][0] if block["t"] in ("Figure", "Table") else ""


def image(element: Node) -> Node:
    """Return the picture of a figure."""
    return element["c"][2][0]["c"][0]


def _ends_sentence(inlines: list[Node], position: int) -> bool:
    word, *following = inlines[position : position + 3]
    if word["t"] != "Str" or not word["c"].endswith("."):
        return False
    # "vs. the" and "e.g. a" go on in lower case.
    return len(following) < 2 or not (following[1]["t"] == "Str" and following[1]["c"][0].islower())


def _built(cell: Cell) -> list[Node]:
    return [_float(block, cell.place) if block["t"] == "Div" else _prose(block, cell.place) for block in cell.blocks]


def _float(block: Node, place: str) -> Node:
    (identifier, classes, pairs), content = block["c"]
    if "figure" in classes:
        return _figure(identifier, attributes(pairs), content, place)
    if "table" in classes:
        return _table(identifier, content, place)
    return _prose(block, place)


def _figure(identifier: str, note: dict[str, str], content: list[Node], place: str) -> Node:
    if not note.get("alt", "").strip():
        raise CxrError(f"The report is not rendered: {place} shows {identifier} without alternative text; pass alt=.")
    words = _caption_of(identifier, content, place)
    picture = Image(["", [], []], [Str(note["alt"])], [note["source"], ""])
    points = [["points", note["points"]]] if note.get("points") else []
    return {"t": "Figure", "c": [[identifier, [], points], [None, [Plain(words)]], [Plain([picture])]]}


def _table(identifier: str, content: list[Node], place: str) -> Node:
    words = _caption_of(identifier, content, place)
    if content[-1]["t"] != "Table":
        raise CxrError(f"The report is not rendered: {place} shows {identifier}, which is no table.")
    return with_caption({"t": "Table", "c": [[identifier, [], []], *content[-1]["c"][1:]]}, words)


def _caption_of(identifier: str, content: list[Node], place: str) -> list[Node]:
    if not content or content[0]["t"] != "Para":
        raise CxrError(f"The report is not rendered: {place} shows {identifier} without a caption; pass caption=.")
    return content[0]["c"]


def _prose(block: Node, place: str) -> Node:
    def refuse(kind: str, _content: object) -> None:
        if kind in ("Image", "Table"):
            raise CxrError(
                f"The report is not rendered: {place} holds a bare {kind.lower()}; "
                "only document.figure and document.table give it a caption and a number."
            )

    transform([block], refuse)
    return block
