"""What stands before the first chapter: title page, abstract, introduction, abbreviations."""

import datetime
from collections.abc import Mapping

import yaml
from pandocfilters import Header, RawBlock, Space, Str

from cxr_helpers import paths
from cxr_helpers.base import plugins
from cxr_helpers.data import dataset, manifest
from cxr_helpers.report import tree
from cxr_helpers.report.tree import Cell, Node, Part
from cxr_helpers.training import run_environment

SOURCE, INTRODUCTION = "front_matter.md", "introduction.md"  # in reports/
CITATION = paths.ROOT / "CITATION.cff"
READER = "markdown-raw_html-raw_tex-implicit_figures"


def parts(chapters: list[Part], profile: str) -> list[Part]:
    """Return what stands before the first chapter: abstract, key results, and the introduction.

    The abstract is the front matter's text, cells tagged `abstract`, and the page's panels; key results are cells tagged so.
    """
    cells = [cell for part in chapters for cell in part.cells]
    opening = [_title(SOURCE, "abstract", [Str("Abstract")]), Cell(SOURCE, _parsed(SOURCE)["blocks"])]
    opening += [cell for cell in cells if cell.belongs == "abstract"]
    panels = (plugins.load("panels", name)(profile) for name in plugins.names("panels"))  # of the web page alone
    opening += [Cell("panels", [RawBlock("html", markup)]) for markup in panels if markup]
    if results := [cell for cell in cells if cell.belongs == "key-results"]:
        opening += [_title(SOURCE, "key-results", [Str("Key"), Space(), Str("results")]), *results]
    found = [Part("abstract", opening)]
    if (paths.ROOT / "reports" / INTRODUCTION).is_file():
        heading, *blocks = _parsed(INTRODUCTION)["blocks"]
        found.append(Part("introduction", [_title(INTRODUCTION, "introduction", heading["c"][2]), Cell(INTRODUCTION, blocks)]))
    return found


def _title(place: str, identifier: str, words: list[Node]) -> Cell:
    return Cell(place, [Header(1, [identifier, ["unnumbered"], []], words)])


def variables(document: str, profile: str, facts: Mapping[str, str]) -> Node:
    """Return the variables of the templates as pandoc metadata: those of the front matter, and those of this rendering."""
    own = {
        "facts": [{"name": name, "value": value} for name, value in facts.items()],
        "profile": profile,
        "revision": facts["Revision"],
        "date": facts["Date"],
        "source": facts.get("Source", ""),
        "synthetic": profile != "full",
    }
    if document == "supplement":  # the abbreviations stand in the thesis
        own |= {"subtitle": "Supplement", "supplement": True, "abbreviations": []}
    cited = yaml.safe_load(CITATION.read_text(encoding="utf-8"))  # the template makes BibTeX and schema.org of it
    own |= {"author": [author["name"] for author in cited["authors"]], "year": facts["Date"].split()[-1]}
    own |= {"cited": {name: cited[name] for name in ("title", "license", "keywords")}}
    return _parsed(SOURCE)["meta"] | {name: _node(value) for name, value in own.items()}


def facts(profile: str) -> dict[str, str]:
    """Return what the title page says of this rendering: date, data, profile, revision, and where the source is public."""
    today, source = datetime.date.today(), run_environment.repository()
    return {
        "Date": f"{today.day} {today:%B %Y}",
        "Data": _data(profile),
        "Profile": "full (real images)" if profile == "full" else "smoke (synthetic images)",
        "Revision": run_environment.revision(),
        **({"Source": source} if source else {}),
    }


def _data(profile: str) -> str:
    images = manifest.load(profile)
    origin = "drawn by the program" if profile == "smoke" else f"of {dataset.DATASET.name}, {dataset.discover(profile).pixels}"
    return f"{len(images):,} images {origin}; manifest {manifest.data_hash(images)[:8]}"


def _parsed(name: str) -> Node:
    return tree.parsed((paths.ROOT / "reports" / name).read_text(encoding="utf-8"), READER)


def _node(value: object) -> Node:
    """Return a value as pandoc's metadata have it."""
    if isinstance(value, dict):
        return {"t": "MetaMap", "c": {name: _node(each) for name, each in value.items()}}
    if isinstance(value, list):
        return {"t": "MetaList", "c": [_node(each) for each in value]}
    return {"t": "MetaBool" if isinstance(value, bool) else "MetaString", "c": value}
