"""The report as run_all.sh makes it: the synthetic one of this checkout, and the real one from the committed records."""

import html.parser
import re
from pathlib import Path

import nbformat
import pypdf
import pytest
from checkouts import PARTS, alone, copy, run_all

from cxr_helpers import experiments, paths, records
from cxr_helpers.workflow import chapter_files

pytestmark = pytest.mark.report
BEGUN = re.compile(r" (?:train .*: begins|chapter \w+:.*|render: .*)$", re.MULTILINE)


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


def test_the_smoke_report_is_whole_and_every_page_says_synthetic(smoke_run):
    check(paths.reports("smoke"), "smoke")


def test_every_experiment_has_its_smoke_records(smoke_run):
    for experiment in experiments.load("smoke"):
        assert all(record.info["profile"] == "smoke" for record in records.of(experiment, "smoke"))


def test_a_second_run_trains_and_executes_nothing(smoke_run):
    stored = {path: path.stat().st_mtime_ns for path in paths.runs("smoke").rglob("*")}
    with alone("smoke"):
        again = run_all("--profile", "smoke")
    assert again.returncode == 0 and not BEGUN.search(again.stdout), again.stdout
    assert {path: path.stat().st_mtime_ns for path in paths.runs("smoke").rglob("*")} == stored


@pytest.mark.parametrize("document", ["thesis", "supplement"])
def test_the_committed_report_is_whole(document):
    check(paths.ROOT / "reports", "full", document)


@pytest.mark.realdata
@pytest.mark.parametrize("chapters", [("--only", "06"), pytest.param((), marks=pytest.mark.long)], ids=["one chapter", "all"])
def test_the_real_report_is_made_from_the_committed_records_without_training(chapters, tmp_path):
    for experiment in experiments.load("full").values():
        recorded = records.recorded_way(experiment, "full")
        assert recorded or experiment.waits_for, "without its records this test would train for hours"
    root = copy(tmp_path / "clone", (*PARTS, "notebooks", "reports"))
    for page in (*root.glob("reports/thesis.*"), *root.glob("reports/supplement.*")):
        page.unlink()
    done = run_all("--profile", "full", *chapters, root=root, CXR_BUILD_DIR=str(tmp_path / "build"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"train .*: begins", done.stdout)
    if chapters:
        assert [path.stem for path in (tmp_path / "build/full/executed").glob("*.ipynb")] == ["06_comparison"]
    else:
        check(root / "reports", "full")
        check(root / "reports", "full", "supplement")
