"""The report: executed chapters in, the thesis and its supplement as web page and PDF out. Nothing is executed here."""

import dataclasses
import datetime
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import nbformat
import pypandoc
import yaml
from pandocfilters import Header, Link, RawBlock, Space, Str

from cxr_helpers import paths
from cxr_helpers.base import environment, plugins
from cxr_helpers.base.files import atomic_write
from cxr_helpers.config import one_of
from cxr_helpers.data import dataset, manifest
from cxr_helpers.errors import CxrError
from cxr_helpers.report import pages, tree
from cxr_helpers.report.tree import Cell, Document, Node, Part
from cxr_helpers.workflow import chapter_files

FORMATS = ("html", "pdf")
DOCUMENTS = ("thesis", "supplement")
SOURCE, INTRODUCTION = "front_matter.md", "introduction.md"  # in reports/
CITATION = paths.ROOT / "CITATION.cff"
PREFIX = {"thesis": "", "supplement": "S"}  # of the numbers in a document
SECTION = 2  # the level of its heading
READER = "markdown-raw_html-raw_tex-implicit_figures"


def render(profile: str, documents: Sequence[str] = DOCUMENTS, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write `thesis` and `supplement`, as .html and .pdf, of a profile ("full" or "smoke") and return their paths.

    The data behind what they show go to `reports/data/`. Extras that ask for it are told what was written (the README shows
    its results). A chapter that is not whole, a label used twice, a reference or citation that leads nowhere is a CxrError.
    """
    for name in documents:
        one_of("document", name, DOCUMENTS)
    written, made = [], assemble(documents, profile, facts(profile))
    for name, document in made.items():
        for chapter in chapter_files.of(name):
            chapter_files.store(nbformat.read(chapter_files.executed(chapter, profile), as_version=4), chapter, profile)
        for kind in formats:
            written.append(paths.reports(profile) / f"{name}.{kind}")
            atomic_write(written[-1], content(document, kind))
        for each in plugins.names("rendered"):
            plugins.load("rendered", each)(name, profile, document.chapters, document.figures)
    return written


def content(document: Document, kind: str) -> bytes:
    """Return a document as web page ("html") or as PDF ("pdf")."""
    return pages.html(document).encode() if kind == "html" else pages.pdf(document)


def assemble(documents: Sequence[str], profile: str, facts: Mapping[str, str], build: Path | None = None) -> dict[str, Document]:
    """Return documents of their executed chapters, numbered, their references resolved and checked.

    `facts` are those of the title pages; `build` is the build folder with the executed chapters (default: that of the profile).
    """
    folder = (build or paths.build(profile)) / "executed"
    bodies = {}
    for name in DOCUMENTS:
        files = [folder / f"{chapter}.ipynb" for chapter in chapter_files.of(name)]
        if name in documents or (files and all(path.is_file() for path in files)):  # the other numbers what is mentioned
            bodies[name] = [tree.read(path, profile) for path in files]
    if "supplement" in bodies:  # it ends in the chapters that no notebook computes
        for each in plugins.names("appendices"):
            bodies["supplement"] += plugins.load("appendices", each)(profile)
    if len(bodies) == len(DOCUMENTS):  # between the supplement's notebooks and what no notebook computes
        place = len(chapter_files.of("supplement"))
        bodies["supplement"][place:place] = [_details(part) for part in bodies["thesis"] if _cells(part, "supplement")]
    names = {name: numbered([Part(part.name, _cells(part)) for part in body], name) for name, body in bodies.items()}
    cited, made = keys(), {}
    for name in documents:
        labels = links(name, names)
        before = _before(bodies[name], profile) if name == "thesis" else []
        body = resolved([Part(part.name, _cells(part)) for part in bodies[name]], labels, cited)
        figures = {path: content for parts in bodies.values() for part in parts for path, content in part.figures.items()}
        tables = {path: content for parts in bodies.values() for part in parts for path, content in part.data.items()}
        meta = _variables(name, profile, facts)
        made[name] = Document(resolved(before, labels, cited), body, names[name], figures, tables, meta)
    return made


def _cells(part: Part, belongs: str = "") -> list[Cell]:
    """Return the cells of a chapter that were tagged for a part of the report, or those of the chapter itself."""
    return [cell for cell in part.cells if cell.belongs == belongs]


def _details(part: Part) -> Part:
    """Return the chapter of the supplement that holds what cells of a thesis chapter, tagged `supplement`, show."""
    level, (_, classes, pairs), words = part.blocks[0]["c"]
    name = f"{part.name}_details"
    title = Header(level, [f"ch:{name}", classes, pairs], [*words, Str(":"), Space(), Str("details")])
    cells = [Cell(cell.place, cell.blocks) for cell in _cells(part, "supplement")]
    first = next((block["t"] for cell in cells for block in cell.blocks), None)
    placement = "none" if first == "Figure" else "auto"  # it may not move before the title
    placed = RawBlock("typst", f"#show figure.where(kind: image): set figure(placement: {placement})")
    return Part(name, [Cell(f"chapter {part.name}", [title, placed]), *cells])


def _before(chapters: list[Part], profile: str) -> list[Part]:
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


def _variables(document: str, profile: str, facts: Mapping[str, str]) -> Node:
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
    today, source = datetime.date.today(), environment.repository()
    return {
        "Date": f"{today.day} {today:%B %Y}",
        "Data": _data(profile),
        "Profile": "full (real images)" if profile == "full" else "smoke (synthetic images)",
        "Revision": environment.revision(),
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


def keys() -> set[str]:
    """Return the keys that a chapter may cite."""
    entries = json.loads(pypandoc.convert_file(str(tree.BIBLIOGRAPHY), "csljson", format="bibtex"))
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
            for block in filter(tree.label, cell.blocks):
                key = tree.label(block)
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
        blocks = tree.transform(cell.blocks, lambda kind, content: resolve(kind, content, cell.place))
        return dataclasses.replace(cell, blocks=blocks)

    return [dataclasses.replace(part, cells=[cell_resolved(cell) for cell in part.cells]) for part in parts]


def _link(name: str, target: str) -> Node:
    return Link(["", [], []], [Str(name.replace(" ", "\u00a0", 1))], [target, ""])
