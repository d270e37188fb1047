"""The committed PDFs, page by page: nothing ends in a heading, runs off a page, is left empty, half said or too small.

What its figures and tables are reached by is looked at on the web page, too.
"""

import io
import itertools
import re
import shutil
import subprocess
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from cxr_helpers import paths

REPORTS = paths.ROOT / "reports"
MARGIN, TEXT_WIDTH, HEAD, FOOT = 25, 160, 24, 22  # mm, of reports/template/thesis.typ
UNITS_A_MM = 1.5 * 72 / 25.4  # of pdftohtml
HEADING = 16  # its unit for letters: bold ones above it are a heading
DPI = 36
A_MM = DPI / 25.4
SMALLEST = 8  # points, of a letter in print
PRINTED = 160 / 25.4 * 72, 200 / 25.4 * 72  # points: a wider or higher figure is printed smaller than it was drawn (thesis.typ)
LONGEST = 65  # pages of the thesis
LARGEST_GAP = 100  # mm below the last line of a page, of 250 that text may fill
pytestmark = pytest.mark.skipif(shutil.which("pdftohtml") is None, reason="poppler is not installed")


@pytest.fixture(scope="module", params=["thesis", "supplement"])
def document(request):
    return request.param


@pytest.fixture(scope="module")
def tree(document):
    """Return the PDF's text as pdftohtml gives it: pages of pieces of text, fonts, links."""
    command = ["pdftohtml", "-xml", "-i", "-stdout", str(REPORTS / f"{document}.pdf")]
    done = subprocess.run(command, capture_output=True, check=True)
    return ElementTree.fromstring(done.stdout)


@pytest.fixture(scope="module")
def sheets(tree):
    """Return the pieces of text between head and foot of every page, from top to bottom: (size, bold, text)."""
    sizes = {font.get("id"): int(font.get("size")) for font in tree.iter("fontspec")}
    found = []
    for sheet in tree.iter("page"):
        last = int(sheet.get("height")) - FOOT * UNITS_A_MM
        texts = [text for text in sheet.iter("text") if "".join(text.itertext()).strip() and int(text.get("top")) < last]
        texts = sorted(texts[1:] if len(found) else texts, key=lambda text: int(text.get("top")))  # without the running head
        found.append([(sizes[text.get("font")], text.find("b") is not None, "".join(text.itertext())) for text in texts])
    return found


def test_no_page_ends_in_a_heading_or_is_empty(sheets):
    for number, sheet in enumerate(sheets[1:], start=2):
        assert sheet, f"page {number} is empty"
        size, bold, said = sheet[-1]
        assert not (bold and size > HEADING), f"page {number} ends in the heading {said!r}"


def test_no_page_ends_in_the_caption_of_a_table(sheets):
    for number, sheet in enumerate(sheets, start=1):
        said = "".join(text for *_, text in sheet[-2:])
        assert not re.match(r"\s*Table\s+S?\d+\.", said), f"page {number} ends in the caption {said!r}"


def test_a_table_that_goes_on_says_which_it_is(sheets):
    begun, continued = None, 0
    for number, sheet in enumerate(sheets, start=1):
        for found in (re.match(r"\s*Table\s+(S?\d+)([.,])", said) for _, bold, said in sheet if bold):
            if found and found[2] == ".":
                begun = found[1]
            elif found:
                assert found[1] == begun, f"page {number} goes on with Table {found[1]}, but Table {begun} was begun last"
                continued += 1
    assert continued > 0


def test_no_letter_is_smaller_than_eight_points(tree):
    """Letters of code are left out: thesis.typ sets them as tall as those beside them, in a font with a larger number."""
    fonts = {font.get("id"): font for font in tree.iter("fontspec") if "Mono" not in font.get("family")}
    sizes = {int(fonts[text.get("font")].get("size")) for text in tree.iter("text") if text.get("font") in fonts}
    assert min(sizes) >= SMALLEST * UNITS_A_MM / 72 * 25.4


def test_no_letter_of_a_figure_is_printed_smaller_than_eight_points(document):
    page = (REPORTS / f"{document}.html").read_text("utf-8")
    figures = re.findall(r'<figure id="([^"]+)"[^>]*>\s*<img src="data:image/svg\+xml,([^"]*)"', page)
    assert len(figures) == len(re.findall(r'<figure id="fig:', page)) > 15  # none is left out
    for label, source in figures:
        svg = unquote(source)
        size = [float(side) for side in re.search(r"viewBox=.0 0 ([\d.]+) ([\d.]+).", svg).groups()]
        scale = min(1, *(room / side for room, side in zip(PRINTED, size, strict=True)))
        letters = [100 * float(share) for share in re.findall(r"scale\((0\.\d+) -0\.\d+\)", svg)]  # of outlines of 100 points
        assert min(letters, default=SMALLEST) * scale > SMALLEST - 0.01, label


def test_no_page_says_what_only_a_draft_says(sheets):
    text = "\n".join(said for sheet in sheets for *_, said in sheet)
    assert re.findall(r"TODO|FIXME|\?\?|@(?:fig|tbl|ch|sec):|(?<!np\.)\bnan\b|[Ll]orem|Traceback|Error", text) == []


@pytest.fixture(scope="module")
def pictures(document):
    """Return every page as grey values (H, W) uint8."""
    command = ["pdftoppm", "-r", str(DPI), "-gray", str(REPORTS / f"{document}.pdf")]
    done = subprocess.run(command, capture_output=True, check=True)
    stream, found = io.BytesIO(done.stdout), []
    while (sheet := picture(stream)) is not None:
        found.append(sheet)
    assert 40 < len(found) and (document != "thesis" or len(found) <= LONGEST)
    return found


def test_nothing_stands_outside_the_margins(pictures):
    """A table or figure that is too wide, or too tall, leaves ink where every page is white."""
    left, right = int((MARGIN - 2) * A_MM), int((MARGIN + TEXT_WIDTH + 2) * A_MM) + 1
    for number, sheet in enumerate(pictures, start=1):
        assert (sheet[:, :left] > 250).all() and (sheet[:, right:] > 250).all(), f"page {number} has ink in its side margins"
        assert (sheet[-int(11 * A_MM) :] > 250).all(), f"page {number} has ink below its number"


def test_no_page_is_left_half_empty_but_at_the_end_of_a_chapter(pictures):
    for number, (sheet, following) in enumerate(itertools.pairwise(pictures[1:]), start=2):
        opens = (following[: int(HEAD * A_MM)] > 200).all()  # a page on which a chapter begins has no running head
        ink = np.flatnonzero((sheet[: -int(FOOT * A_MM)] < 200).any(axis=1))
        white = len(sheet) / A_MM - FOOT - ink[-1] / A_MM
        assert opens or white < LARGEST_GAP, f"page {number} ends in {white:.0f} mm of white"


def picture(stream: io.BytesIO) -> np.ndarray | None:
    """Return the next picture of a stream of PGM files, (H, W) uint8; None after the last."""
    if not stream.readline():
        return None
    width, height = map(int, stream.readline().split())
    stream.readline()
    return np.asarray(Image.frombytes("L", (width, height), stream.read(width * height)))
