"""Numbers for chapters, figures and tables, and links for every mention of them; citations are checked here too."""

import dataclasses
import re
from collections.abc import Collection

from pandocfilters import Link, Space, Str

from cxr_helpers.errors import CxrError
from cxr_helpers.report.floats import label
from cxr_helpers.report.syntax_tree import Node, Part, transform

REFERENCE = re.compile(r"(fig|tbl|ch):.+")


def numbered(parts: list[Part]) -> dict[str, str]:
    """Return what each label is called, such as {"fig:roc": "Figure 4", "ch:03_vgg16": "Chapter 3"}.

    Figures and tables are numbered through the whole report, chapters by 1, 2, ... and appendices by A, B, ...

    Raises:
        CxrError: two cells use one label.
    """
    names, places, counts = {}, {}, {"Figure": 0, "Table": 0}
    for part in parts:
        names[f"ch:{part.name}"] = _part_name(part, parts)
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
    """Return `parts` with each `@fig:`, `@tbl:` and `@ch:` turned into a link, and each citation key looked up in `keys`.

    Where `complete` is False (some chapters are left out), a mention of an unknown label stays as it is typed.

    Raises:
        CxrError: a label or citation key is unknown, or one bracket mixes both.
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
        identifiers = [citation["citationId"] for citation in content[0]]
        references = [identifier for identifier in identifiers if REFERENCE.fullmatch(identifier)]
        if not references:
            self._check_keys(identifiers)
            return None
        if len(references) < len(identifiers):
            raise CxrError(f"{self.place} mixes citations and cross-references in one bracket: {', '.join(identifiers)}.")
        links = [self._mention(citation) for citation in content[0]]
        return [element for position, link in enumerate(links) for element in ([Str(","), Space()] if position else []) + link]

    def _check_keys(self, identifiers: list[str]) -> None:
        unknown = [identifier for identifier in identifiers if identifier not in self.keys]
        if unknown:
            raise CxrError(f"{self.place} cites {unknown[0]!r}, which is not in reports/references.bib; add it or correct it.")

    def _mention(self, citation: Node) -> list[Node]:
        key = citation["citationId"]
        name = self.names.get(key)
        if name is None and self.complete:
            raise CxrError(f"{self.place} refers to @{key}, which no chapter defines; correct the label.")
        link = Link(["", [], []], [Str(name.replace(" ", "\u00a0"))], [f"#{key}", ""]) if name else Str(f"@{key}")
        before, after = citation["citationPrefix"], citation["citationSuffix"]
        return [*before, *([Space()] if before else []), link, *after]


def _part_name(part: Part, parts: list[Part]) -> str:
    alike = [other.name for other in parts if other.appendix == part.appendix]
    position = alike.index(part.name)
    return f"Appendix {chr(ord('A') + position)}" if part.appendix else f"Chapter {position + 1}"
