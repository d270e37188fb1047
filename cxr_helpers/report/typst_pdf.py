"""A document as PDF, set by Typst: A4, numbered, with contents and lists that Typst makes itself."""

import json
import re

import typst
from pandocfilters import Link, Plain, RawBlock, RawInline

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.report import tree
from cxr_helpers.report.tree import Document, Node, Part

ARGUMENTS = ["--standalone", f"--template={paths.TEMPLATE / 'thesis.typ'}", *tree.CITED]
OTHER = re.compile(r"(thesis|supplement)\.html(#.*)?")  # links lead to the other document's PDF
PAGE_ONLY = ("page-only", "origin", "notebook")


def source(document: Document) -> str:
    """Return the Typst source of a document."""
    opening, *introduction = [*document.before, Part("", [])]
    content = [*_blocks(opening), RawBlock("typst", "#contents()\n#show: chapters")]
    content += [block for part in (*introduction, *document.chapters) for block in _blocks(part)]

    def to_pdf(kind: str, content: list) -> Node | None:
        other = OTHER.fullmatch(content[2][0]) if kind == "Link" else None
        return other and Link(content[0], content[1], [f"{other[1]}.pdf", ""])

    content = tree.transform([*content, *document.references], to_pdf)
    # Not smart: pandoc has set the quotation marks, and Typst makes a prime of an apostrophe after a number.
    return tree.write(content, document.meta, "typst-smart", ARGUMENTS)


def compiled(document: Document) -> bytes:
    """Return the PDF of a document, a CxrError if Typst refuses it."""
    try:
        # The fonts that the wheel carries, and no others: the same pages on every machine.
        return typst.compile({"main.typ": source(document).encode(), **document.figures}, ignore_system_fonts=True)
    except RuntimeError as error:
        raise CxrError(f"Typst could not set the PDF: {error}") from error


def _blocks(part: Part) -> list[Node]:
    """Return what a part prints; a figure goes to the head or foot of a page, but not beyond the part's end."""
    printed = [_float(block) for block in part.blocks if not any(tree.has_class(block, name) for name in PAGE_ONLY)]
    return [*printed, RawBlock("typst", "#place.flush()")] if printed else []


def _float(block: Node) -> Node:
    """Return a figure or table with its caption cut after the first sentence, a figure with its picture; others as they are."""
    if not tree.label(block):
        return block
    first, rest = tree.split_caption(tree.caption(block))
    # `more` hides itself in the lists of figures and tables.
    block = tree.with_caption(block, [*first, RawInline("typst", "#more["), *rest, RawInline("typst", "]")])
    if block["t"] == "Table":
        return block
    # The escapes of a Typst string are those of JSON as far as quotes and backslashes go.
    alt, path = (json.dumps(text, ensure_ascii=False) for text in tree.image(block))
    identity, words, _ = block["c"]
    call = f"#picture({path}, alt: {alt})#metadata(none)<at-{tree.label(block)}>"
    return {"t": "Figure", "c": [identity, words, [Plain([RawInline("typst", call)])]]}
