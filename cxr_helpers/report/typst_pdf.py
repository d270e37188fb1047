"""The report as PDF, set by Typst: A4, numbered, with contents and lists that Typst makes itself."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import typst
from pandocfilters import Link, Plain, RawBlock, RawInline

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.report import citations, floats, origins
from cxr_helpers.report.origins import Note
from cxr_helpers.report.syntax_tree import Node, Part, transform, write

ARGUMENTS = ["--standalone", f"--template={paths.TEMPLATE / 'thesis.typ'}", *citations.ARGUMENTS]


def source(parts: list[Part], meta: Node, notes: Mapping[str, Note] = MappingProxyType({})) -> str:
    """Return the Typst source; `parts` begin with the abstract, `meta` are the variables of the template.

    `notes` holds, by label, what tells where a figure or table comes from; it ends the caption.
    """
    abstract, *chapters = parts
    content = [*_blocks(abstract, notes), _raw("#contents()\n#show: chapters")]
    content += [block for part in chapters if not part.appendix for block in _blocks(part, notes)]
    content += [*citations.references(), _raw("#show: appendices")]
    content += [block for part in chapters if part.appendix for block in _blocks(part, notes)]
    # Not smart: pandoc has set the quotation marks, and Typst makes a prime of an apostrophe after a number.
    return write(content, meta, "typst-smart", ARGUMENTS)


def compiled(text: str, figures: dict[str, bytes]) -> bytes:
    """Return the PDF of a Typst source; `figures` maps each file that it names to its SVG.

    Raises:
        CxrError: Typst refuses the source.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in figures.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "thesis.typ").write_text(text, encoding="utf-8")
        try:
            # The fonts that the wheel carries, and no others: the same pages on every machine.
            return typst.compile(folder / "thesis.typ", root=folder, ignore_system_fonts=True)
        except (RuntimeError, typst.TypstError) as error:
            raise CxrError(f"Typst could not set the PDF: {error}") from error


def _blocks(part: Part, notes: Mapping[str, Note]) -> list[Node]:
    """Return what a part prints.

    A figure goes to the head or foot of a page, but not beyond the part's end; where it was, a line points to it.
    """
    printed = []
    for block in (block for cell in part.cells for block in cell.blocks if not _page_only(block)):
        printed += [_raw(f"#pointer(<{floats.label(block)}>)")] if block["t"] == "Figure" and floats.label(block) else []
        printed.append(_float(block, notes))
    return [*printed, _raw("#place.flush()")]


def _page_only(block: Node) -> bool:
    return block["t"] == "Div" and "page-only" in block["c"][0][1]


def _float(block: Node, notes: Mapping[str, Note]) -> Node:
    if not floats.label(block):
        return block
    first, rest = floats.split_caption(floats.caption(block))
    note = _printed(notes[floats.label(block)]) if floats.label(block) in notes else []
    # `more` hides itself in the lists of figures and tables.
    words = [*first, RawInline("typst", "#more["), *rest, *note, RawInline("typst", "]")]
    block = floats.with_caption(block, words)
    return _picture(block) if block["t"] == "Figure" else block


def _printed(note: Note) -> list[Node]:
    """Return a note as it ends a caption; in print one system's records are rows of the appendix, no place to lead to."""

    def led(kind: str, content: list) -> Node | None:
        record = kind == "Link" and content[2][0].startswith("#record-")
        return Link(content[0], content[1], [f"#{origins.APPENDIX}", ""]) if record else None

    return [RawInline("typst", "#origin["), *transform(note.brief(), led), RawInline("typst", "]")]


def _picture(figure: Node) -> Node:
    _, alt, (path, _) = floats.image(figure)["c"]
    identity, words, _ = figure["c"]
    call = f"#picture({_string(path)}, alt: {_string(alt[0]['c'])})#metadata(none)<at-{floats.label(figure)}>"
    return {"t": "Figure", "c": [identity, words, [Plain([RawInline("typst", call)])]]}


def _string(text: str) -> str:
    """Return a Typst string literal, whose escapes are those of JSON as far as quotes and backslashes go."""
    return json.dumps(text, ensure_ascii=False)


def _raw(text: str) -> Node:
    return RawBlock("typst", text)
