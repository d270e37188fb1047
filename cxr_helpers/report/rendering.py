"""The report: executed chapters in, one HTML page, one PDF and the ledger of their numbers out. Nothing is executed here."""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pandocfilters import Code, Div, Link, Para, Space, Str

from cxr_helpers import paths, records
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.report import (
    appendix,
    chapters,
    citations,
    cross_references,
    duties,
    floats,
    front_matter,
    html_page,
    ledger,
    marks,
    origins,
    readme,
    syntax_tree,
    typst_pdf,
)
from cxr_helpers.report.chapters import Chapter
from cxr_helpers.report.syntax_tree import Node, Part
from cxr_helpers.workflow import chapter_files

FORMATS = ("html", "pdf")
SIZE_LIMIT = 15_000_000  # bytes of either file


@dataclasses.dataclass(frozen=True)
class Report:
    """The whole report as a tree: abstract, introduction, chapters, appendices; the numbers of its labels; its figures.

    `origins` holds, by label, what leads from a figure or table to its cell and to what it is computed from.
    """

    parts: list[Part]
    names: dict[str, str]
    figures: dict[str, bytes]
    meta: Node
    origins: dict[str, origins.Note]


def render(profile: str, chapters: Sequence[str] | None = None, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write `thesis.html` and `thesis.pdf` of a profile ("full" or "smoke") and return their paths.

    Beside them goes the ledger, `numbers.csv`: every number that they show, with its place; the README gets its picture and
    table from the real report. `chapters` names the
    notebooks to take (default: all of `notebooks/`); a mention of a figure in a chapter that is left out stays as it
    is typed.

    Raises:
        CxrError: a chapter is missing, failed or unfinished; a figure or table lacks a caption, an alternative text or
            a unique label; a reference or citation leads nowhere; a run that is shown has no record; a file would exceed 15 MB.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or profile not in ("full", "smoke"):
        raise CxrError(f"Cannot render profile {profile!r} as {', '.join(formats)}: take full or smoke, and html or pdf.")
    names = chapter_files.names() if chapters is None else list(chapters)
    report = assemble(profile, names, complete=chapters is None)
    written = []
    for kind in formats:
        path = paths.reports(profile) / f"thesis.{kind}"
        atomic_write(path, _limited(_as_html(report, profile) if kind == "html" else _as_pdf(report), path, report.figures))
        written.append(path)
    ledger.write(ledger.of_report(report.parts), profile)
    if profile == "full":
        readme.update(report.parts, report.figures)
    return written


def assemble(profile: str, names: Iterable[str], complete: bool = True, build: Path | None = None) -> Report:
    """Return the report of the executed chapters `names`, numbered, its references resolved and checked.

    `build` is the build folder that holds them (default: that of the profile).
    """
    read = [chapters.read((build or paths.build(profile)) / "executed" / f"{name}.ipynb") for name in names]
    bodies = [floats.gather(syntax_tree.parse(chapter)) for chapter in read]
    bodies += [floats.gather(syntax_tree.parse(chapter, appendix=True)) for chapter in _appendices(profile)]
    meta, opening = front_matter.read(paths.ROOT / "reports" / "front_matter.md")
    labels = cross_references.numbered(bodies)
    before = [front_matter.abstract(opening, bodies)]
    if set(chapter_files.names()) == {chapter.name for chapter in read}:
        before += front_matter.introduction(paths.ROOT / "reports" / "introduction.md")  # it speaks of every chapter
    parts = [*before, *(_without_abstract(_introduced(part, labels, profile)) for part in bodies)]
    parts = cross_references.resolved(parts, labels, citations.keys(), complete)
    origins.check_runs(parts, profile)
    figures = {path: content for chapter in read for path, content in chapter.figures.items()}
    return Report(parts, labels, figures, {**meta, **front_matter.variables(profile)}, origins.notes(parts, profile))


def _appendices(profile: str) -> list[Chapter]:
    """Return how the results were made, and what the field wants said of model, images and study."""
    runs, systems = records.every(profile), origins.recorded(profile)
    made = [appendix.configurations(systems), appendix.environment(runs, profile)] if systems else []
    return [*made, appendix.run_records(runs, systems, profile), *duties.chapters(profile)]


def _as_html(report: Report, profile: str) -> bytes:
    parts = marks.marked(origins.linked(report.parts, profile), profile)
    return html_page.page(parts, report.names, report.meta, report.figures, report.origins).encode()


def _as_pdf(report: Report) -> bytes:
    return typst_pdf.compiled(typst_pdf.source(report.parts, report.meta, report.origins), report.figures)


def _introduced(part: Part, names: dict[str, str], profile: str) -> Part:
    """Return a chapter with a line below its title that leads to its notebook, where its code is, its figures and its tables."""
    said = []
    if not part.appendix:
        notebook = chapter_files.source(part.name)
        target = Path(os.path.relpath(notebook, paths.reports(profile))).as_posix()
        shown = Code(["", [], []], notebook.relative_to(paths.ROOT).as_posix())
        said.append([Str("Code:"), Space(), Link(["", [], []], [shown], [target, ""])])
    blocks = [block for cell in part.cells for block in cell.blocks]
    for kind in ("Figure", "Table"):
        keys = [floats.label(block) for block in blocks if block["t"] == kind and floats.label(block)]
        links = [Link(["", [], []], [Str(names[key].split()[-1])], [f"#{key}", ""]) for key in keys]
        if links:
            listed = [piece for link in links for piece in (Str(","), Space(), link)][2:]
            said.append([Str(f"{kind}s:" if len(keys) > 1 else f"{kind}:"), Space(), *listed])
    if not said:
        return part
    line = Para([piece for phrase in said for piece in (Str("."), Space(), *phrase)][2:])
    position = next(index for index, cell in enumerate(part.cells) if cell.part != "abstract")
    title, *rest = part.cells[position].blocks
    opening = dataclasses.replace(part.cells[position], blocks=[title, Div(["", ["notebook"], []], [line]), *rest])
    return dataclasses.replace(part, cells=[*part.cells[:position], opening, *part.cells[position + 1 :]])


def _without_abstract(part: Part) -> Part:
    return dataclasses.replace(part, cells=[cell for cell in part.cells if cell.part != "abstract"])


def _limited(content: bytes, path: Path, figures: dict[str, bytes]) -> bytes:
    if len(content) > SIZE_LIMIT:
        largest = max(figures, key=lambda name: len(figures[name]), default="no figure")
        raise CxrError(
            f"{path} would have {len(content) / 1e6:.1f} MB, more than {SIZE_LIMIT / 1e6:.0f}; "
            f"make its largest figure ({largest}) smaller, for instance by rasterized=True on dense points."
        )
    return content
