"""What stands before the first chapter: title page, abstract, abbreviations."""

import datetime
import json
from pathlib import Path

import pypandoc
from pandocfilters import Header, Str

from cxr_helpers.base import revision
from cxr_helpers.data import dataset, manifest
from cxr_helpers.errors import CxrError
from cxr_helpers.report.syntax_tree import Cell, Node, Part

INTRODUCTION = "introduction"  # the part's name
READER = "markdown-raw_html-raw_tex-implicit_figures"


def read(path: Path) -> tuple[Node, Cell]:
    """Return the metadata (title, subtitle, abbreviations, ...) and the abstract of the front matter's source file.

    Raises:
        CxrError: the file is missing or has no title.
    """
    if not path.is_file():
        raise CxrError(f"{path} is missing; it holds the report's title and abstract.")
    tree = json.loads(pypandoc.convert_file(str(path), "json", format=READER))
    if "title" not in tree["meta"]:
        raise CxrError(f"{path} has no title; begin it with a YAML block that holds one.")
    return tree["meta"], Cell(path.name, tree["blocks"])


def introduction(path: Path) -> list[Part]:
    """Return the introduction, a part without a number whose file begins with its title; none where there is no file."""
    if not path.is_file():
        return []
    heading, *blocks = json.loads(pypandoc.convert_file(str(path), "json", format=READER))["blocks"]
    title = Header(1, [INTRODUCTION, ["unnumbered"], []], heading["c"][2])
    return [Part(INTRODUCTION, [Cell(path.name, [title, *blocks])])]


def abstract(opening: Cell, parts: list[Part]) -> Part:
    """Return the abstract: the opening from the source file, then the cells that chapters tagged `abstract`."""
    title = Cell(opening.place, [Header(1, ["abstract", ["unnumbered"], []], [Str("Abstract")])])
    results = [cell for part in parts for cell in part.cells if cell.part == "abstract"]
    return Part("abstract", [title, opening, *results])


def variables(profile: str) -> Node:
    """Return the templates' variables that tell this rendering from others, as pandoc metadata."""
    rows = [{"name": _string(name), "value": _string(value)} for name, value in facts(profile).items()]
    return {
        "facts": {"t": "MetaList", "c": [{"t": "MetaMap", "c": row} for row in rows]},
        "profile": _string(profile),
        "revision": _string(revision.current()),
        "synthetic": {"t": "MetaBool", "c": profile != "full"},
    }


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
    source = manifest.source(profile)
    origin = "drawn by the program" if source.origin == "synthetic" else f"of {dataset.DATASET.name}, {source.pixels}"
    return f"{len(images):,} images {origin}; manifest {manifest.data_hash(images)[:8]}"


def _string(text: str) -> Node:
    return {"t": "MetaString", "c": text}
