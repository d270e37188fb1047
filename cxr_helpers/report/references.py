"""Numbers for chapters, sections, figures and tables, and links for every mention of them; citations are checked here too."""

import dataclasses
import json
import re
from collections.abc import Collection, Mapping

import pypandoc
from pandocfilters import Cite, Link, Space, Str

from cxr_helpers.errors import CxrError
from cxr_helpers.report.tree import BIBLIOGRAPHY, Node, Part, label, transform

PREFIX = {"thesis": "", "supplement": "S"}  # of the numbers in a document
SECTION = 2  # the level of its heading
REFERENCE = re.compile(r"(fig|tbl|ch|sec):.+")


def keys() -> set[str]:
    """Return the keys that a chapter may cite."""
    entries = json.loads(pypandoc.convert_file(str(BIBLIOGRAPHY), "csljson", format="bibtex"))
    return {entry["id"] for entry in entries}


def numbered(parts: list[Part], document: str) -> dict[str, str]:
    """Return what each label is called: {"fig:roc": "Figure 4", "ch:03_vgg16": "Chapter 3"}, in the supplement "Figure S4".

    Figures and tables are numbered through a whole document; the sections of a chapter are labelled by its name and their
    title's words ("sec:03_vgg16-the-network": "Section 3.1").

    Raises:
        CxrError: two cells use one label.
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


@dataclasses.dataclass(frozen=True)
class Labels:
    """What can be mentioned in a document: its own labels, those of the `other` one, and the keys of the bibliography.

    Where the other document has not been made, `others` is None, and what is not one's own is mentioned as "the supplement".
    """

    own: Mapping[str, str]
    others: Mapping[str, str] | None
    other: str
    cited: Collection[str]

    def mention(self, key: str, place: str) -> Node:
        """Return the link for a label; an unknown one is a CxrError."""
        target = f"#{key.removeprefix('sec:')}"
        if key in self.own:
            return _link(self.own[key], target)
        if self.others is None:
            return _link(f"the {self.other}", f"{self.other}.html")
        if key in self.others:
            return _link(f"{self.others[key]} of the {self.other}", f"{self.other}.html{target}")
        raise CxrError(f"{place} refers to @{key}, which no chapter defines; correct the label.")


def resolved(parts: list[Part], labels: Labels) -> list[Part]:
    """Return `parts` with `@fig:`, `@tbl:`, `@ch:` and `@sec:` turned into links, and each citation key looked up.

    Raises:
        CxrError: a label or citation key is unknown.
    """

    def resolve(kind: str, content: list, place: str) -> list[Node] | None:
        if kind != "Cite":
            return None
        citations = content[0]
        for key in (citation["citationId"] for citation in citations):
            if not REFERENCE.fullmatch(key) and key not in labels.cited:
                raise CxrError(f"{place} cites {key!r}, which is not in reports/references.bib; add it or correct it.")
        if not any(REFERENCE.fullmatch(citation["citationId"]) for citation in citations):
            return None
        # A bracket may hold several labels, and pandoc reads "@fig:roc [@key]" as one citation of two things.
        pieces = []
        for before, citation in zip([None, *citations], citations, strict=False):
            if before:
                pieces += [Space()] if before["citationMode"]["t"] == "AuthorInText" else [Str(","), Space()]
            pieces += _piece(citation, labels, place)
        return pieces

    def cell_resolved(cell):
        blocks = transform(cell.blocks, lambda kind, content: resolve(kind, content, cell.place))
        return dataclasses.replace(cell, blocks=blocks)

    return [dataclasses.replace(part, cells=[cell_resolved(cell) for cell in part.cells]) for part in parts]


def _piece(citation: Node, labels: Labels, place: str) -> list[Node]:
    key = citation["citationId"]
    if not REFERENCE.fullmatch(key):
        return [Cite([citation], [Str(f"@{key}")])]
    before = citation["citationPrefix"]
    return [*before, *([Space()] if before else []), labels.mention(key, place), *citation["citationSuffix"]]


def _link(name: str, target: str) -> Node:
    return Link(["", [], []], [Str(name.replace(" ", "\u00a0", 1))], [target, ""])
