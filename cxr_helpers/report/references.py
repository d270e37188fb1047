"""Numbers for chapters, sections, figures and tables, and links for every mention of them; citations are checked here too."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Collection, Mapping

import pypandoc
from pandocfilters import Link, Str

from cxr_helpers.errors import CxrError
from cxr_helpers.report.tree import BIBLIOGRAPHY, Node, Part, label, transform

PREFIX = {"thesis": "", "supplement": "S"}  # of the numbers in a document
SECTION = 2  # the level of its heading


def keys() -> set[str]:
    """Return the keys that a chapter may cite."""
    entries = json.loads(pypandoc.convert_file(str(BIBLIOGRAPHY), "csljson", format="bibtex"))
    return {entry["id"] for entry in entries}


def numbered(parts: list[Part], document: str) -> dict[str, str]:
    """Return what each label is called: {"fig:roc": "Figure 4", "ch:03_vgg16": "Chapter 3"}, in the supplement "Figure S4".

    Figures and tables are numbered through a whole document; the sections of a chapter are labelled by its name and their
    title's words ("sec:03_vgg16-the-network": "Section 3.1"). A label of two cells is a CxrError.
    """
    names, places, counts = {}, {}, {"Figure": 0, "Table": 0}
    for number, part in enumerate(parts, 1):
        chapter = f"{PREFIX[document]}{number}"
        names[f"ch:{part.name}"] = f"Chapter {chapter}"
        headings = [block["c"][1][0] for block in part.blocks if block["t"] == "Header" and block["c"][0] == SECTION]
        names |= {f"sec:{identifier}": f"Section {chapter}.{count}" for count, identifier in enumerate(headings, 1)}
        for cell in part.cells:
            for block in filter(label, cell.blocks):
                key = label(block)
                if key in names:
                    raise CxrError(f"Label {key} is used twice, in {places[key]} and in {cell.place}; rename one.")
                counts[block["t"]] += 1
                names[key], places[key] = f"{block['t']} {PREFIX[document]}{counts[block['t']]}", cell.place
    return names


def links(document: str, names: Mapping[str, Mapping[str, str]]) -> dict[str, Node]:
    """Return the link for each label that a document may mention, from what each document that has been made calls its own.

    Where the other one has not been made, what is not the document's own is mentioned as "the supplement".
    """
    (other,) = set(PREFIX) - {document}
    own = {key: _link(name, f"#{key.removeprefix('sec:')}") for key, name in names[document].items()}
    if other not in names:
        return defaultdict(lambda: _link(f"the {other}", f"{other}.html"), own)
    page = f"{other}.html#"
    return {key: _link(f"{name} of the {other}", page + key.removeprefix("sec:")) for key, name in names[other].items()} | own


def resolved(parts: list[Part], labels: Mapping[str, Node], cited: Collection[str]) -> list[Part]:
    """Return `parts` with `@fig:`, `@tbl:`, `@ch:` and `@sec:` turned into links; an unknown one or citation is a CxrError."""

    def resolve(kind: str, content: list, place: str) -> Node | None:
        """Return the link for a mention of a label, None for everything else; `place` names the cell in messages."""
        for key in (citation["citationId"] for citation in content[0]) if kind == "Cite" else ():
            if key not in cited:
                raise CxrError(f"{place} cites {key!r}, which is not in reports/references.bib; add it or correct it.")
        if kind != "Span" or not (key := dict(content[0][2]).get("mention")):
            return None
        try:
            return labels[key]
        except KeyError:
            raise CxrError(f"{place} refers to @{key}, which no chapter defines; correct the label.") from None

    def cell_resolved(cell):
        blocks = transform(cell.blocks, lambda kind, content: resolve(kind, content, cell.place))
        return dataclasses.replace(cell, blocks=blocks)

    return [dataclasses.replace(part, cells=[cell_resolved(cell) for cell in part.cells]) for part in parts]


def _link(name: str, target: str) -> Node:
    return Link(["", [], []], [Str(name.replace(" ", "\u00a0", 1))], [target, ""])
