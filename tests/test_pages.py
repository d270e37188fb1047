"""The committed PDF, page by page: nothing ends in a heading, nothing runs off a page, nothing is left empty or half said."""

import io
import re
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from cxr_helpers import paths

PDF = paths.ROOT / "reports" / "thesis.pdf"
MARGIN, TEXT_WIDTH, FOOT = 25, 160, 26  # mm, of reports/template/thesis.typ
UNITS_A_MM = 1.5 * 72 / 25.4  # of pdftohtml
HEADING = 16  # its unit for letters: bold ones above it are a heading
DPI = 36
pytestmark = pytest.mark.skipif(shutil.which("pdftohtml") is None, reason="poppler is not installed")


@pytest.fixture(scope="module")
def sheets():
    """Return the pieces of text between head and foot of every page, from top to bottom: (size, bold, text)."""
    done = subprocess.run(["pdftohtml", "-xml", "-i", "-stdout", str(PDF)], capture_output=True, check=True)
    tree = ElementTree.fromstring(done.stdout)
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
        assert not re.match(r"\s*Table\s\d+\.", said), f"page {number} ends in the caption {said!r}"


def test_no_page_says_what_only_a_draft_says(sheets):
    text = "\n".join(said for sheet in sheets for *_, said in sheet)
    assert re.findall(r"TODO|FIXME|\?\?|@(?:fig|tbl|ch|sec):|\bnan\b|[Ll]orem|Traceback|Error", text) == []


def test_nothing_stands_outside_the_margins():
    """A table or figure that is too wide, or too tall, leaves ink where every page is white."""
    done = subprocess.run(["pdftoppm", "-r", str(DPI), "-gray", str(PDF)], capture_output=True, check=True)
    stream, number, a_mm = io.BytesIO(done.stdout), 0, DPI / 25.4
    left, right = int((MARGIN - 2) * a_mm), int((MARGIN + TEXT_WIDTH + 2) * a_mm) + 1
    while (sheet := picture(stream)) is not None:
        number += 1
        assert (sheet[:, :left] > 250).all() and (sheet[:, right:] > 250).all(), f"page {number} has ink in its side margins"
        assert (sheet[-int(11 * a_mm) :] > 250).all(), f"page {number} has ink below its number"
    assert number > 100


def picture(stream: io.BytesIO) -> np.ndarray | None:
    """Return the next picture of a stream of PGM files, (H, W) uint8; None after the last."""
    if not stream.readline():
        return None
    width, height = map(int, stream.readline().split())
    stream.readline()
    return np.asarray(Image.frombytes("L", (width, height), stream.read(width * height)))
