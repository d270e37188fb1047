"""What stands before the first chapter: title page, abstract, introduction, abbreviations."""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path

import pypandoc
from pandocfilters import Header, Str

from cxr_helpers import paths
from cxr_helpers.base import revision
from cxr_helpers.data import dataset, manifest
from cxr_helpers.report.tree import Cell, Node, Part

READER = "markdown-raw_html-raw_tex-implicit_figures"


def read(path: Path) -> tuple[Node, Cell]:
    """Return the metadata (title, subtitle, abbreviations, ...) and the abstract of the front matter's source file."""
    tree = _parsed(path)
    return tree["meta"], Cell(path.name, tree["blocks"])


def parts(opening: Cell, chapters: list[Part]) -> list[Part]:
    """Return the abstract (the opening and what chapters tagged `abstract`), and the introduction."""
    title = Cell(opening.place, [Header(1, ["abstract", ["unnumbered"], []], [Str("Abstract")])])
    results = [cell for part in chapters for cell in part.cells if cell.abstract]
    found = [Part("abstract", [title, opening, *results])]
    path = paths.ROOT / "reports" / "introduction.md"
    if path.is_file():
        heading, *blocks = _parsed(path)["blocks"]
        title = Header(1, ["introduction", ["unnumbered"], []], heading["c"][2])
        found.append(Part("introduction", [Cell(path.name, [title, *blocks])]))
    return found


def variables(document: str, profile: str, facts: Mapping[str, str]) -> Node:
    """Return the templates' variables that tell this rendering from others, as pandoc metadata."""
    own = {
        "facts": [{"name": name, "value": value} for name, value in facts.items()],
        "profile": profile,
        "revision": facts["Revision"],
        "date": facts["Date"],
        "synthetic": profile != "full",
    }
    if document == "supplement":  # the abbreviations stand in the thesis
        own |= {"subtitle": "Supplement", "supplement": True, "abbreviations": []}
    return {name: _node(value) for name, value in own.items()}


def facts(profile: str) -> dict[str, str]:
    """Return what the title page says of this rendering: date, data, profile, revision."""
    today = datetime.date.today()
    return {
        "Date": f"{today.day} {today:%B %Y}",
        "Data": _data(profile),
        "Profile": "full (real images)" if profile == "full" else "smoke (synthetic images)",
        "Revision": revision.current(),
    }


def _data(profile: str) -> str:
    images = manifest.load(profile)
    origin = "drawn by the program" if profile == "smoke" else f"of {dataset.DATASET.name}, {manifest.source(profile).pixels}"
    return f"{len(images):,} images {origin}; manifest {manifest.data_hash(images)[:8]}"


def _parsed(path: Path) -> Node:
    return json.loads(pypandoc.convert_file(str(path), "json", format=READER))


def _node(value: object) -> Node:
    """Return a value as pandoc's metadata have it."""
    if isinstance(value, dict):
        return {"t": "MetaMap", "c": {name: _node(each) for name, each in value.items()}}
    if isinstance(value, list):
        return {"t": "MetaList", "c": [_node(each) for each in value]}
    return {"t": "MetaBool" if isinstance(value, bool) else "MetaString", "c": value}
