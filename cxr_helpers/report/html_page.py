"""A document as one HTML file that asks for nothing outside itself; its one script is its own and named by its hash."""

import base64
import hashlib
import re
from urllib.parse import quote

import cv2
import numpy as np
from pandocfilters import Div, Header, RawBlock, Space, Span, Str

from cxr_helpers import paths
from cxr_helpers.report import tree
from cxr_helpers.report.tree import Document, Node

SOURCE = re.compile(r'src="(figures/[^"]+\.svg)"')
DATA = re.compile(r'href="data/([^"]+\.csv)"')
UNQUOTED = " /:;,=+()!*?@$'[]{}|<>"  # what a quoted data URI may hold as it is: less than base64 would need
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
IMAGE = b"data:image/jpeg"  # as `drawn.svg` stores images
RASTER = re.compile(rb"data:image/(jpeg|png);base64,([A-Za-z0-9+/= ]+)")
SIZE = re.compile(rb'width="([\d.]+)pt" height="([\d.]+)pt"')
FILE = re.compile(r'href="(?:(?:\.\./)+(notebooks/[^"]+)|(data/sources-[^"]+))"')  # of the repository, as links name it
CHAPTER = re.compile(r'(<a href="[^"]*"><code>(notebooks/[^<]+)</code></a>)')  # below its title
GITHUB, COLAB = "https://github.com/", "https://colab.research.google.com/github/"
WIDE = 6  # columns; tables with more are set smaller
DEEPEST = 3  # level of headings with a number
ARGUMENTS = [
    *("--standalone", f"--template={paths.TEMPLATE / 'page.html'}", "--mathml", "--syntax-highlighting=none"),
    *("--toc", "--toc-depth=3", "--section-divs", "--shift-heading-level-by=1"),  # the page's title is its one <h1>
    *tree.CITED,
]


def page(document: Document) -> str:
    """Return a document as HTML."""
    names, meta = document.names, dict(document.meta)
    for name, file in (("styles", "page.css"), ("script", "page.js")):
        meta[name] = {"t": "MetaBlocks", "c": [RawBlock("html", (paths.TEMPLATE / file).read_text(encoding="utf-8"))]}
    content = [block for part in document.before for block in part.blocks]
    for part in document.chapters:
        counts = [names[f"ch:{part.name}"].split()[-1], *[0] * (DEEPEST - 1)]
        content += [_numbered(block, counts) if block["t"] == "Header" else _float(block, names) for block in part.blocks]
    html = tree.write([*content, *document.references], meta, "html5", ARGUMENTS)
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


def _float(block: Node, names: dict[str, str]) -> Node:
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
