"""What holds for every whole document of the report."""

import html.parser
import re
from pathlib import Path

import nbformat
import pypdf

from cxr_helpers.workflow import chapter_files


class Page(html.parser.HTMLParser):
    """What a web page says of itself: its meta entries, its headings, and whatever it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.meta, self.headings, self._heading = {}, [], False
        self.fetched = re.findall(r"url\(['\"]?([^'\")]+)", text)
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "meta" and "name" in attributes:
            self.meta[attributes["name"]] = attributes["content"]
        if tag in ("img", "script", "link", "iframe", "source", "video", "audio"):
            self.fetched += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag in ("h1", "h2"):
            self.headings.append("")
            self._heading = True

    def handle_endtag(self, tag):
        self._heading = self._heading and tag not in ("h1", "h2")

    def handle_data(self, data):
        if self._heading:
            self.headings[-1] += data


def titles(document: str) -> list[str]:
    """Return the titles of a document's chapters as their sources have them."""
    names = chapter_files.of(document)
    sources = [nbformat.read(chapter_files.source(name), as_version=4).cells[0].source for name in names]
    return [source.splitlines()[0].removeprefix("# ").strip() for source in sources]


def check(folder: Path, profile: str, document: str = "thesis") -> None:
    """Assert what holds for every whole document."""
    page = Page((folder / f"{document}.html").read_text(encoding="utf-8"))
    assert page.meta["cxr-profile"] == profile
    assert not [address for address in page.fetched if not address.startswith(("data:", "#", "%23"))]
    text = [words(sheet.extract_text()) for sheet in pypdf.PdfReader(folder / f"{document}.pdf").pages]
    for title in map(words, titles(document)):
        assert any(words(heading).endswith(title) for heading in page.headings), title
        assert sum(title in sheet for sheet in text) >= 2, f"{title} is not in the contents and on its own page"
    everything = " ".join(text)
    assert "Error" not in everything and "Traceback" not in everything
    assert max((folder / f"{document}.{kind}").stat().st_size for kind in ("html", "pdf")) <= 5e6
    assert (profile == "smoke") == all("synthetic" in sheet.lower() for sheet in text)


def words(text: str) -> str:
    return " ".join(text.split())
