"""What stands before the first chapter: title page, abstract, introduction, abbreviations."""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path

import pypandoc
import yaml
from pandocfilters import Header, RawBlock, Str

from cxr_helpers import paths
from cxr_helpers.base import revision
from cxr_helpers.data import dataset, manifest
from cxr_helpers.report.tree import Cell, Node, Part

CITATION = paths.ROOT / "CITATION.cff"
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
    return {name: _node(value) for name, value in (own | _citation(document, facts)).items()}


def _citation(document: str, facts: Mapping[str, str]) -> dict[str, object]:
    """Return what CITATION.cff says of the report: authors, year, BibTeX, and the JSON-LD of schema.org."""
    cited = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    authors, year = [author["name"] for author in cited["authors"]], facts["Date"].split()[-1]
    title = cited["title"] if document == "thesis" else f"Supplement: {cited['title']}"
    fields = {"title": title, "author": " and ".join(f"{{{name}}}" for name in authors), "year": year}
    fields["note"] = f"Revision {facts['Revision']}"
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    schema = {
        "@context": "https://schema.org",
        "@type": "Report",
        "name": title,
        "author": [{"@type": "Organization", "name": name} for name in authors],
        "dateCreated": facts["Date"],
        "version": facts["Revision"],
        "license": f"https://spdx.org/licenses/{cited['license']}",
        "keywords": cited["keywords"],
        "inLanguage": "en-GB",
    }
    script = f'<script type="application/ld+json">{json.dumps(schema)}</script>'
    bibtex = f"@techreport{{cxr{year},\n{lines}\n}}"
    return {"author": authors, "year": year, "bibtex": bibtex, "schema": RawBlock("html", script)}


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
    if isinstance(value, dict) and value.get("t") == "RawBlock":
        return {"t": "MetaBlocks", "c": [value]}
    if isinstance(value, dict):
        return {"t": "MetaMap", "c": {name: _node(each) for name, each in value.items()}}
    if isinstance(value, list):
        return {"t": "MetaList", "c": [_node(each) for each in value]}
    return {"t": "MetaBool" if isinstance(value, bool) else "MetaString", "c": value}
