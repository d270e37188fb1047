"""A document as one HTML file, which asks for nothing outside itself and whose one script is named by its hash, and as PDF.

The PDF is set by Typst: A4, numbered, with contents and lists that Typst makes itself.
"""

import base64
import hashlib
import json
import re
from urllib.parse import quote

import cv2
import numpy as np
import typst
from pandocfilters import Div, Header, Link, Plain, RawBlock, RawInline, Space, Span, Str

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.report import tree
from cxr_helpers.report.tree import Document, Node, Part

SOURCE = re.compile(r'src="(figures/[^"]+\.svg)"')
DATA = re.compile(r'href="data/([^"]+\.csv)"')
UNQUOTED = " /:;,=+()!*?@$'[]{}|<>"  # what a quoted data URI may hold as it is: less than base64 would need
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
IMAGE = b"data:image/jpeg"  # as `document.svg` stores images
RASTER = re.compile(rb"data:image/(jpeg|png);base64,([A-Za-z0-9+/= ]+)")
SIZE = re.compile(rb'width="([\d.]+)pt" height="([\d.]+)pt"')
FILE = re.compile(r'href="(?:(?:\.\./)+(notebooks/[^"]+)|(data/sources-[^"]+))"')  # of the repository, as links name it
CHAPTER = re.compile(r'(<a href="[^"]*"><code>(notebooks/[^<]+)</code></a>)')  # below its title
GITHUB, COLAB = "https://github.com/", "https://colab.research.google.com/github/"
WIDE = 6  # columns; tables with more are set smaller
DEEPEST = 3  # level of headings with a number
TO_HTML = [
    *("--standalone", f"--template={paths.TEMPLATE / 'page.html'}", "--mathml", "--syntax-highlighting=none"),
    *("--toc", "--toc-depth=3", "--section-divs", "--shift-heading-level-by=1"),  # the page's title is its one <h1>
    *tree.CITED,
]
TO_TYPST = ["--standalone", f"--template={paths.TEMPLATE / 'thesis.typ'}", *tree.CITED]
OTHER = re.compile(r"(thesis|supplement)\.html(#.*)?")  # links lead to the other document's PDF
PAGE_ONLY = ("page-only", "origin", "notebook")


def html(document: Document) -> str:
    """Return a document as HTML."""
    names, meta = document.names, dict(document.meta)
    for name, file in (("styles", "page.css"), ("script", "page.js")):
        meta[name] = {"t": "MetaBlocks", "c": [RawBlock("html", (paths.TEMPLATE / file).read_text(encoding="utf-8"))]}
    content = [block for part in document.before for block in part.blocks]
    for part in document.chapters:
        counts = [names[f"ch:{part.name}"].split()[-1], *[0] * (DEEPEST - 1)]
        content += [_numbered(block, counts) if block["t"] == "Header" else _shown(block, names) for block in part.blocks]
    html = tree.write([*content, *document.references], meta, "html5", TO_HTML)
    html = html.replace("<pre class=", '<pre tabindex="0" class=')  # a wide listing is scrolled by keyboard, too
    if source := meta["source"]["c"]:
        html = _hosted(html, source)
    # Of all scripts only its own may run: the Content-Security-Policy holds its hash.
    digest = hashlib.sha256(SCRIPT.search(html)[1].encode()).digest()
    html = html.replace("SCRIPT-HASH", f"sha256-{base64.b64encode(digest).decode()}", 1)
    return _embedded(html, document.figures, document.data)


def _hosted(html: str, source: str) -> str:
    """Return `html` whose links to files lead to the public repository; a chapter of one on GitHub opens in Colab, too."""
    html = FILE.sub(lambda link: f'href="{source}/blob/main/{link[1] or f"reports/{link[2]}"}"', html)
    colab = f"{source.replace(GITHUB, COLAB)}/blob/main"
    return CHAPTER.sub(rf'\1 <a class="badge" href="{colab}/\2">Open in Colab</a>', html) if GITHUB in source else html


def _webp(match: re.Match) -> bytes:
    """Return an image inside a figure as WebP, points (PNG) without loss."""
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(match[2]), np.uint8), cv2.IMREAD_UNCHANGED)
    quality = 80 if match[1] == b"jpeg" else 101  # above 100 it is lossless
    return b"data:image/webp;base64," + base64.b64encode(cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])[1])


def _embedded(html: str, figures: dict[str, bytes], data: dict[str, str]) -> str:
    """Return `html` with the file name of each figure, and of the CSV under it, replaced by the content, as a data URI.

    One with images in it is marked, because the page inverts the others on a dark screen.
    """

    def source(match: re.Match) -> str:
        figure = figures[match[1]]
        images = ' class="images"' if IMAGE in figure else ""
        width, height = (round(float(side) * 4 / 3) for side in SIZE.search(figure).groups())  # pixels: its place is kept
        # A double quotation mark would have to be escaped, at thrice its length.
        svg = quote(RASTER.sub(_webp, figure).replace(b"'", b"&apos;").replace(b'"', b"'"), safe=UNQUOTED)
        return f'src="data:image/svg+xml,{svg}" width="{width}" height="{height}" loading="lazy"{images}'

    def stored(match: re.Match) -> str:
        if match[1] not in data:
            return match[0]
        return f'download="{match[1]}" href="data:text/csv;charset=utf-8,{quote(data[match[1]], safe=UNQUOTED)}"'

    return SOURCE.sub(source, DATA.sub(stored, html))


def _numbered(heading: Node, counts: list) -> Node:
    """Return a heading of level 1 to 3 with its number; `counts` (chapter, section, subsection) moves on."""
    level, identity, words = heading["c"]
    if level > DEEPEST:
        return heading
    if level > 1:
        counts[level - 1 :] = [counts[level - 1] + 1, *[0] * (DEEPEST - level)]
    number = ".".join(str(count) for count in counts[:level])
    return Header(level, identity, [Span(["", ["number"], []], [Str(number)]), Space(), *words])


def _shown(block: Node, names: dict[str, str]) -> Node:
    """Return a figure or table with its number before the caption, a table in a box that scrolls; other blocks as they are."""
    key = tree.label(block)
    if not key:
        return block
    number = Span(["", ["caption-number"], []], [Str(names[key].replace(" ", "\u00a0") + ".")])
    block = tree.with_caption(block, [number, Space(), *tree.caption(block)])
    if block["t"] == "Figure":
        return block
    classes = ["table-scroll", "wide"] if len(block["c"][2]) > WIDE else ["table-scroll"]
    # A table that is wider than the screen scrolls by itself, by keyboard too.
    return Div(["", classes, [["tabindex", "0"], ["role", "region"], ["aria-label", names[key]]]], [block])


def typst_source(document: Document) -> str:
    """Return the Typst source of a document."""
    opening, *introduction = [*document.before, Part("", [])]
    content = [*_blocks(opening), RawBlock("typst", "#contents()\n#show: chapters")]
    content += [block for part in (*introduction, *document.chapters) for block in _blocks(part)]

    def to_pdf(kind: str, content: list) -> Node | None:
        other = OTHER.fullmatch(content[2][0]) if kind == "Link" else None
        return other and Link(content[0], content[1], [f"{other[1]}.pdf", ""])

    content = tree.transform([*content, *document.references], to_pdf)
    # Not smart: pandoc has set the quotation marks, and Typst makes a prime of an apostrophe after a number.
    return tree.write(content, document.meta, "typst-smart", TO_TYPST)


def pdf(document: Document) -> bytes:
    """Return the PDF of a document, a CxrError if Typst refuses it."""
    try:
        # The fonts that the wheel carries, and no others: the same pages on every machine.
        return typst.compile({"main.typ": typst_source(document).encode(), **document.figures}, ignore_system_fonts=True)
    except RuntimeError as error:
        raise CxrError(f"Typst could not set the PDF: {error}") from error


def _blocks(part: Part) -> list[Node]:
    """Return what a part prints; a figure goes to the head or foot of a page, but not beyond the part's end."""
    printed = [_printed(block) for block in part.blocks if not any(tree.has_class(block, name) for name in PAGE_ONLY)]
    return [*printed, RawBlock("typst", "#place.flush()")] if printed else []


def _printed(block: Node) -> Node:
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
