"""The report: executed chapters in, the thesis and its supplement as web page and PDF out. Nothing is executed here."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pandocfilters import Code, Div, Link, Para, Space, Str

from cxr_helpers import paths
from cxr_helpers.base import plugins
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.report import chapters, front_matter, html_page, readme, references, tree, typst_pdf
from cxr_helpers.report.tree import Node, Part
from cxr_helpers.workflow import chapter_files

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
    chapters: Sequence[str] | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write `thesis` and `supplement`, as .html and .pdf, of a profile ("full" or "smoke") and return their paths.

    The README gets its picture and table from the real thesis. `chapters` names the notebooks to take (default: all); a mention of
    a figure in a chapter that is left out stays as it is typed.

    Raises:
        CxrError: a chapter is missing, failed or unfinished; a figure or table lacks a caption, an alternative text or
            a unique label; a reference or citation leads nowhere; a file would exceed 5 MB.
    """
    if set(formats) - set(FORMATS) or set(documents) - set(DOCUMENTS) or profile not in ("full", "smoke"):
        said = f"profile {profile!r} of {', '.join(documents)} as {', '.join(formats)}"
        raise CxrError(f"Cannot render {said}: take full or smoke, thesis or supplement, and html or pdf.")
    written = []
    for name in documents:
        document = assemble(name, profile, front_matter.facts(profile), chapters)
        for kind in formats:
            path = paths.reports(profile) / f"{name}.{kind}"
            atomic_write(path, _limited(document.content(kind), path, document.figures))
            written.append(path)
        if profile == "full" and name == "thesis":
            readme.update(document.chapters, document.figures)
    return written


def assemble(
    name: str, profile: str, facts: Mapping[str, str], only: Sequence[str] | None = None, build: Path | None = None
) -> Document:
    """Return a document of its executed chapters (or `only` some), numbered, its references resolved and checked.

    `facts` are those of the title page; `build` is the build folder with the executed chapters (default: that of the profile).
    """
    taken = [chapter for chapter in getattr(chapter_files, name)() if only is None or chapter in only]
    read = _read(name, taken, profile, build)
    body = [tree.parse(chapter) for chapter in read]
    names = references.numbered(body, name)
    other = next(each for each in DOCUMENTS if each != name)
    labels = references.Labels(names, _others(other, profile, build), other, references.keys(), complete=only is None)
    meta, opening = front_matter.read(paths.ROOT / "reports" / "front_matter.md")
    before = front_matter.parts(opening, body, whole=only is None) if name == "thesis" else []
    body = [_opened(part, profile) for part in body]
    before, body = references.resolved(before, labels), references.resolved(body, labels)
    figures = {path: content for chapter in read for path, content in chapter.figures.items()}
    meta = {**meta, **front_matter.variables(name, profile, facts), "data": {"t": "MetaString", "c": digest(body)}}
    return Document(before, body, names, figures, meta)


def digest(parts: Sequence[Part]) -> str:
    """Return one SHA-256 (hex) for the data files of all figures and tables, which the PDF carries among its keywords."""
    return digest_of(dict(block["c"][0][2]).get("digest") for part in parts for block in part.blocks if tree.label(block))


def digest_of(digests: Iterable[str | None]) -> str:
    """Return one SHA-256 (hex) for the digests of data files, in the order of the document; what has no file has none."""
    return hashlib.sha256("\n".join(filter(None, digests)).encode()).hexdigest()


def _read(name: str, taken: Sequence[str], profile: str, build: Path | None) -> list[chapters.Chapter]:
    """Return the chapters of a document; the supplement's end with what no notebook computes, as extras announce it."""
    read = [chapters.read((build or paths.build(profile)) / "executed" / f"{chapter}.ipynb", profile) for chapter in taken]
    if name == "supplement":
        read += [chapter for each in plugins.names("appendices") for chapter in plugins.load("appendices", each)(profile)]
    return read


def _others(document: str, profile: str, build: Path | None) -> dict[str, str]:
    """Return what the labels of the other document are called; where its chapters were not all executed, those of its chapters."""
    names = getattr(chapter_files, document)()
    executed = [(build or paths.build(profile)) / "executed" / f"{chapter}.ipynb" for chapter in names]
    if all(path.is_file() for path in executed):
        return references.numbered([tree.parse(chapter) for chapter in _read(document, names, profile, build)], document)
    prefix = references.PREFIX[document]
    return {f"ch:{chapter}": f"Chapter {prefix}{number}" for number, chapter in enumerate(names, 1)}


def _opened(part: Part, profile: str) -> Part:
    """Return a chapter without what went to the abstract, with a line below its title that leads to its notebook, where its code is."""
    first, *rest = [cell for cell in part.cells if not cell.abstract]
    notebook = chapter_files.source(part.name)
    if notebook.is_file():
        shown = Code(["", [], []], notebook.relative_to(paths.ROOT).as_posix())
        link = Link(["", [], []], [shown], [chapters.address(notebook, profile), ""])
        title, *blocks = first.blocks
        line = Div(["", ["notebook"], []], [Para([Str("Code:"), Space(), link])])
        first = dataclasses.replace(first, blocks=[title, line, *blocks])
    return dataclasses.replace(part, cells=[first, *rest])


def _limited(content: bytes, path: Path, figures: dict[str, bytes]) -> bytes:
    if len(content) > SIZE_LIMIT:
        largest = max(figures, key=lambda name: len(figures[name]), default="no figure")
        raise CxrError(
            f"{path} would have {len(content) / 1e6:.1f} MB, more than {SIZE_LIMIT / 1e6:.0f}; "
            f"make its largest figure ({largest}) smaller, for instance by rasterized=True on dense points."
        )
    return content
