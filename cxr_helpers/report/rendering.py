"""The report: executed chapters in, the thesis and its supplement as web page and PDF out. Nothing is executed here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
from pandocfilters import Header, RawBlock, Space, Str

from cxr_helpers import paths
from cxr_helpers.base import plugins
from cxr_helpers.base.files import atomic_write
from cxr_helpers.config import one_of
from cxr_helpers.report import chapters, front_matter, html_page, references, tree, typst_pdf
from cxr_helpers.report.tree import Document, Part
from cxr_helpers.workflow import chapter_files, shown_data

FORMATS = ("html", "pdf")
DOCUMENTS = ("thesis", "supplement")


def render(profile: str, documents: Sequence[str] = DOCUMENTS, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write `thesis` and `supplement`, as .html and .pdf, of a profile ("full" or "smoke") and return their paths.

    The data behind what they show go to `reports/data/`. Extras that ask for it are told what was written (the README shows
    its results). A chapter that is not whole, a label used twice, a reference or citation that leads nowhere is a CxrError.
    """
    for name in documents:
        one_of("document", name, DOCUMENTS)
    written, made = [], assemble(documents, profile, front_matter.facts(profile))
    for name, document in made.items():
        for chapter in chapter_files.of(name):
            shown_data.store(nbformat.read(chapter_files.executed(chapter, profile), as_version=4), chapter, profile)
        for kind in formats:
            written.append(paths.reports(profile) / f"{name}.{kind}")
            atomic_write(written[-1], content(document, kind))
        for each in plugins.names("rendered"):
            plugins.load("rendered", each)(name, profile, document.chapters, document.figures)
    return written


def content(document: Document, kind: str) -> bytes:
    """Return a document as web page ("html") or as PDF ("pdf")."""
    return html_page.page(document).encode() if kind == "html" else typst_pdf.compiled(document)


def assemble(documents: Sequence[str], profile: str, facts: Mapping[str, str], build: Path | None = None) -> dict[str, Document]:
    """Return documents of their executed chapters, numbered, their references resolved and checked.

    `facts` are those of the title pages; `build` is the build folder with the executed chapters (default: that of the profile).
    """
    folder = (build or paths.build(profile)) / "executed"
    read = {}
    for name in DOCUMENTS:
        files = [folder / f"{chapter}.ipynb" for chapter in chapter_files.of(name)]
        if name in documents or (files and all(path.is_file() for path in files)):  # the other numbers what is mentioned
            read[name] = [chapters.read(path, profile) for path in files]
    if "supplement" in read:  # it ends in the chapters that no notebook computes
        for each in plugins.names("appendices"):
            read["supplement"] += plugins.load("appendices", each)(profile)
    bodies = {name: [tree.parse(chapter) for chapter in found] for name, found in read.items()}
    if len(bodies) == len(DOCUMENTS):  # between the supplement's notebooks and what no notebook computes
        place = len(chapter_files.of("supplement"))
        bodies["supplement"][place:place] = [_details(part) for part in bodies["thesis"] if _cells(part, "supplement")]
    names = {name: references.numbered([Part(part.name, _cells(part)) for part in body], name) for name, body in bodies.items()}
    cited, made = references.keys(), {}
    for name in documents:
        labels = references.links(name, names)
        before = front_matter.parts(bodies[name], profile) if name == "thesis" else []
        body = references.resolved([Part(part.name, _cells(part)) for part in bodies[name]], labels, cited)
        figures = {path: content for found in read.values() for chapter in found for path, content in chapter.figures.items()}
        tables = {path: content for found in read.values() for chapter in found for path, content in chapter.data.items()}
        meta = front_matter.variables(name, profile, facts)
        made[name] = Document(references.resolved(before, labels, cited), body, names[name], figures, tables, meta)
    return made


def _cells(part: Part, belongs: str = "") -> list[tree.Cell]:
    """Return the cells of a chapter that were tagged for a part of the report, or those of the chapter itself."""
    return [cell for cell in part.cells if cell.belongs == belongs]


def _details(part: Part) -> Part:
    """Return the chapter of the supplement that holds what cells of a thesis chapter, tagged `supplement`, show."""
    level, (_, classes, pairs), words = part.blocks[0]["c"]
    name = f"{part.name}_details"
    title = Header(level, [f"ch:{name}", classes, pairs], [*words, Str(":"), Space(), Str("details")])
    cells = [tree.Cell(cell.place, cell.blocks) for cell in _cells(part, "supplement")]
    first = next((block["t"] for cell in cells for block in cell.blocks), None)
    placement = "none" if first == "Figure" else "auto"  # it may not move before the title
    placed = RawBlock("typst", f"#show figure.where(kind: image): set figure(placement: {placement})")
    return Part(name, [tree.Cell(f"chapter {part.name}", [title, placed]), *cells])
