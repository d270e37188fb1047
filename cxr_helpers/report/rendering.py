"""The report: executed chapters in, the thesis and its supplement as web page and PDF out. Nothing is executed here."""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import nbformat
from pandocfilters import Div

from cxr_helpers import paths
from cxr_helpers.base import plugins
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.report import chapters, front_matter, html_page, references, tree, typst_pdf
from cxr_helpers.report.chapters import Chapter
from cxr_helpers.report.tree import Node, Part
from cxr_helpers.workflow import chapter_files, shown_data

FORMATS = ("html", "pdf")
DOCUMENTS = ("thesis", "supplement")
SIZE_LIMIT = 5_000_000  # bytes of a file


@dataclasses.dataclass(frozen=True)
class Document:
    """A document as a tree: what has no number (abstract, introduction), its chapters, the numbers of its labels, its figures."""

    before: list[Part]
    chapters: list[Part]
    names: dict[str, str]
    figures: dict[str, bytes]
    meta: Node

    def content(self, kind: str) -> bytes:
        """Return the web page ("html") or the PDF ("pdf")."""
        if kind == "html":
            return html_page.page(self.before, self.chapters, self.names, self.meta, self.figures).encode()
        return typst_pdf.compiled(typst_pdf.source(self.before, self.chapters, self.meta), self.figures)


def render(
    profile: str,
    documents: Sequence[str] = DOCUMENTS,
    only: Sequence[str] | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write `thesis` and `supplement`, as .html and .pdf, of a profile ("full" or "smoke") and return their paths.

    The data behind what they show go to `reports/data/`. Extras that ask for it are told what was written (the README shows
    its results). `only` names the notebooks to take (default: all); a mention of a figure in a chapter that is left out stays
    as it is typed.

    Raises:
        CxrError: a chapter is missing, failed or unfinished; a figure or table lacks a caption, an alternative text or
            a unique label; a reference or citation leads nowhere; a file would exceed 5 MB.
    """
    if set(formats) - set(FORMATS) or set(documents) - set(DOCUMENTS) or profile not in ("full", "smoke"):
        said = f"profile {profile!r} of {', '.join(documents)} as {', '.join(formats)}"
        raise CxrError(f"Cannot render {said}: take full or smoke, thesis or supplement, and html or pdf.")
    written, made = [], assemble(documents, profile, front_matter.facts(profile), only)
    for chapter in itertools.chain(*(_taken(name, only) for name in made)):
        shown_data.store(nbformat.read(chapter_files.executed(chapter, profile), as_version=4), chapter, profile)
    for name, document in made.items():
        for kind in formats:
            path = paths.reports(profile) / f"{name}.{kind}"
            atomic_write(path, _limited(document.content(kind), path, document.figures))
            written.append(path)
        for each in plugins.names("rendered"):
            plugins.load("rendered", each)(name, profile, document.chapters, document.figures)
    return written


def assemble(
    documents: Sequence[str],
    profile: str,
    facts: Mapping[str, str],
    only: Sequence[str] | None = None,
    build: Path | None = None,
) -> dict[str, Document]:
    """Return documents of their executed chapters (or `only` some), numbered, their references resolved and checked.

    `facts` are those of the title pages; `build` is the build folder with the executed chapters (default: that of the profile).
    """
    folder = (build or paths.build(profile)) / "executed"
    read = {}
    for name in DOCUMENTS:
        files = [folder / f"{chapter}.ipynb" for chapter in _taken(name, only)]
        if name in documents or (files and all(path.is_file() for path in files)):  # the other numbers what is mentioned
            read[name] = [chapters.read(path, profile) for path in files] + _appendices(name, profile)
    bodies = {name: [tree.parse(chapter) for chapter in found] for name, found in read.items()}
    names = {name: references.numbered(bodies[name], name) if name in read else _chapters_only(name) for name in DOCUMENTS}
    cited, made = references.keys(), {}
    for name in documents:
        other = next(each for each in DOCUMENTS if each != name)
        labels = references.Labels(names[name], names[other], other, cited, complete=only is None)
        meta, opening = front_matter.read(paths.ROOT / "reports" / "front_matter.md")
        before = front_matter.parts(opening, bodies[name], whole=only is None) if name == "thesis" else []
        body = references.resolved([_opened(part, names[name], profile) for part in bodies[name]], labels)
        figures = {path: content for chapter in read[name] for path, content in chapter.figures.items()}
        meta |= {**front_matter.variables(name, profile, facts), "data": {"t": "MetaString", "c": digest(body)}}
        made[name] = Document(references.resolved(before, labels), body, names[name], figures, meta)
    return made


def _taken(document: str, only: Sequence[str] | None) -> list[str]:
    return [chapter for chapter in getattr(chapter_files, document)() if only is None or chapter in only]


def digest(parts: Sequence[Part]) -> str:
    """Return one SHA-256 (hex) for the data files of all figures and tables, which the PDF carries among its keywords."""
    return digest_of(dict(block["c"][0][2]).get("digest") for part in parts for block in part.blocks if tree.label(block))


def digest_of(digests: Iterable[str | None]) -> str:
    """Return one SHA-256 (hex) for the digests of data files, in the order of the document; what has no file has none."""
    return hashlib.sha256("\n".join(filter(None, digests)).encode()).hexdigest()


def _appendices(document: str, profile: str) -> list[Chapter]:
    """Return the chapters that no notebook computes, as extras announce them; they end the supplement."""
    announced = plugins.names("appendices") if document == "supplement" else []
    return [chapter for name in announced for chapter in plugins.load("appendices", name)(profile)]


def _chapters_only(document: str) -> dict[str, str]:
    """Return what the chapters of a document are called that has not been executed."""
    numbers = enumerate(getattr(chapter_files, document)(), 1)
    return {f"ch:{chapter}": f"Chapter {references.PREFIX[document]}{number}" for number, chapter in numbers}


def _opened(part: Part, names: Mapping[str, str], profile: str) -> Part:
    """Return a chapter without its part of the abstract; a line below its title leads to its notebook, figures and tables."""
    first, *rest = [cell for cell in part.cells if not cell.abstract]
    notebook, said = chapter_files.source(part.name), []
    if notebook.is_file():
        shown = notebook.relative_to(paths.ROOT).as_posix()
        said.append(f"Code: [`{shown}`]({chapters.address(notebook, profile)})")
    for kind in ("Figure", "Table"):
        keys = [tree.label(block) for block in part.blocks if block["t"] == kind and tree.label(block)]
        links = ", ".join(f"[{names[key].split()[-1]}](#{key})" for key in keys)
        said += [f"{kind}{'s' if len(keys) > 1 else ''}: {links}"] if keys else []
    title, *blocks = first.blocks
    line = [Div(["", ["notebook"], []], tree.blocks(". ".join(said)))] if said else []
    return dataclasses.replace(part, cells=[dataclasses.replace(first, blocks=[title, *line, *blocks]), *rest])


def _limited(content: bytes, path: Path, figures: dict[str, bytes]) -> bytes:
    if len(content) > SIZE_LIMIT:
        largest = max(figures, key=lambda name: len(figures[name]), default="no figure")
        raise CxrError(
            f"{path} would have {len(content) / 1e6:.1f} MB, more than {SIZE_LIMIT / 1e6:.0f}; "
            f"make its largest figure ({largest}) smaller, for instance by rasterized=True on dense points."
        )
    return content
