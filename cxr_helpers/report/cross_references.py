"""Numbers for chapters, sections, figures and tables, and links for every mention of them; citations are checked here too."""

import dataclasses
import re
from collections.abc import Collection

from pandocfilters import Cite, Link, Space, Str

from cxr_helpers.errors import CxrError
from cxr_helpers.report.floats import label
from cxr_helpers.report.syntax_tree import Node, Part, transform

SECTION = 2  # the level of its heading
REFERENCE = re.compile(r"(fig|tbl|ch|sec):.+")


def numbered(parts: list[Part]) -> dict[str, str]:
    """Return what each label is called, such as {"fig:roc": "Figure 4", "ch:03_vgg16": "Chapter 3"}.

    Figures and tables are numbered through the whole report, chapters by 1, 2, ... and appendices by A, B, ...; the
    sections of a chapter are labelled by its name and their title's words ("sec:03_vgg16-the-network": "Section 3.1").

    Raises:
        CxrError: two cells use one label.
    """
    names, places, counts = {}, {}, {"Figure": 0, "Table": 0}
    for part in parts:
        names[f"ch:{part.name}"] = _part_name(part, parts)
        names |= _section_names(part, names[f"ch:{part.name}"].split()[-1])
        for cell in part.cells:
            for block in cell.blocks:
                key = label(block)
                if not key:
                    continue
                if key in names:
                    raise CxrError(f"Label {key} is used twice, in {places[key]} and in {cell.place}; rename one.")
                counts[block["t"]] += 1
                names[key], places[key] = f"{block['t']} {counts[block['t']]}", cell.place
    return names


def resolved(parts: list[Part], names: dict[str, str], keys: Collection[str], complete: bool = True) -> list[Part]:
    """Return `parts` with `@fig:`, `@tbl:`, `@ch:` and `@sec:` turned into links, and each citation key looked up in `keys`.

    Where `complete` is False (some chapters are left out), a mention of an unknown label stays as it is typed.

    Raises:
        CxrError: a label or citation key is unknown.
    """

    def cell_resolved(cell):
        action = _Resolver(cell.place, names, keys, complete)
        return dataclasses.replace(cell, blocks=transform(cell.blocks, action))

    return [dataclasses.replace(part, cells=[cell_resolved(cell) for cell in part.cells]) for part in parts]


@dataclasses.dataclass(frozen=True)
class _Resolver:
    place: str
    names: dict[str, str]
    keys: Collection[str]
    complete: bool

    def __call__(self, kind: str, content: list) -> list[Node] | None:
        if kind != "Cite":
            return None
        citations = content[0]
        for citation in citations:
            self._check(citation["citationId"])
        if not any(map(_is_reference, citations)):
            return None
        # A bracket may hold several labels, and pandoc reads "@fig:roc [@key]" as one citation of two things.
        pieces = []
        for before, citation in zip([None, *citations], citations, strict=False):
            pieces += _gap(before) if before else []
            pieces += self._mention(citation) if _is_reference(citation) else [_citation(citation)]
        return pieces

    def _check(self, key: str) -> None:
        if REFERENCE.fullmatch(key):
            if key not in self.names and self.complete:
                raise CxrError(f"{self.place} refers to @{key}, which no chapter defines; correct the label.")
        elif key not in self.keys:
            raise CxrError(f"{self.place} cites {key!r}, which is not in reports/references.bib; add it or correct it.")

    def _mention(self, citation: Node) -> list[Node]:
        key = citation["citationId"]
        name = self.names.get(key)
        target = f"#{key.removeprefix('sec:')}"
        link = Link(["", [], []], [Str(name.replace(" ", "\u00a0"))], [target, ""]) if name else Str(f"@{key}")
        before, after = citation["citationPrefix"], citation["citationSuffix"]
        return [*before, *([Space()] if before else []), link, *after]


def _is_reference(citation: Node) -> bool:
    return bool(REFERENCE.fullmatch(citation["citationId"]))


def _gap(before: Node) -> list[Node]:
    return [Space()] if before["citationMode"]["t"] == "AuthorInText" else [Str(","), Space()]


def _citation(citation: Node) -> Node:
    return Cite([citation], [Str(f"@{citation['citationId']}")])


def _section_names(part: Part, chapter: str) -> dict[str, str]:
    """Return what the second-level headings of a part are called, by their identifiers."""
    blocks = [block for cell in part.cells for block in cell.blocks]
    found = [block["c"][1][0] for block in blocks if block["t"] == "Header" and block["c"][0] == SECTION]
    return {f"sec:{identifier}": f"Section {chapter}.{number}" for number, identifier in enumerate(found, 1)}


def _part_name(part: Part, parts: list[Part]) -> str:
    alike = [other.name for other in parts if other.appendix == part.appendix]
    position = alike.index(part.name)
    return f"Appendix {chr(ord('A') + position)}" if part.appendix else f"Chapter {position + 1}"
