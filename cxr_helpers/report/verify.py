"""Compute every number of the committed report anew from the committed records, in a copy, and tell which differ."""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from cxr_helpers import paths, records
from cxr_helpers.base.progress import say, since
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError
from cxr_helpers.records import Record
from cxr_helpers.report import floats, ledger, print_check, readme, rendering, trace
from cxr_helpers.report.syntax_tree import Part, attributes
from cxr_helpers.workflow import chapter_files
from cxr_helpers.workflow.imports import PACKAGE

DRAWN = re.compile(r'<figure id="([^"]+)"[^>]* data-points="([^"]*)"')


def verify(profile: str, cores: int) -> list[str]:
    """Return one sentence for every number of the report that differs, and for every record that is not as it was written.

    Ledger, page, PDF and what the chapters say when they are executed anew on `cores` processors are compared, and the values
    of the curves that a reader of the page can point at. Nothing in `reports/` or in the build folder changes. Where a record
    is damaged, nothing is executed.

    Raises:
        CxrError: ledger, page or PDF is missing, or a chapter fails.
    """
    stored, started = ledger.read(profile), time.monotonic()
    page, pdf = (paths.reports(profile) / f"thesis.{kind}" for kind in rendering.FORMATS)
    for file in (page, pdf):
        if not file.is_file():
            raise CxrError(f"{file} is missing; `cxr render --profile {profile}` writes it, or restore it from git.")
    found = records.every(profile)
    broken = [sentence for record in found for sentence in damages(record)]
    say(f"verify: {len(found)} records are {'as they were written' if not broken else 'not all as they were written'}")
    if broken:
        return broken
    html = page.read_text(encoding="utf-8")
    shown, printed = ledger.differences(stored, ledger.of_page(html)), print_check.lacking(stored, html, pdf)
    say(f"verify: {len(stored):,} numbers in the ledger; the page differs in {len(shown)}, the PDF in {len(printed)}")
    with recomputed(profile, cores) as build:
        parts = rendering.assemble(profile, chapter_files.names(), build=build).parts
    anew, drawn = ledger.of_report(parts), _drawn(html)
    changed, curves = ledger.differences(stored, anew), _curves(parts)
    moved = [label for label in drawn | curves if drawn.get(label) != curves.get(label)]
    say(f"verify: {len(anew):,} numbers computed anew in {since(started)}; {len(changed)} differ from the ledger")
    say(f"verify: the curves of {len(drawn)} figures; those of {len(moved)} are not what they are computed anew")
    sentences = [*_sentences(shown, "the page has"), *printed, *_sentences(changed, "computed anew it is")]
    sentences += [f"{label}: the page's curves are not those computed anew." for label in moved]
    return sentences + _overview(html, profile)


def _curves(parts: list[Part]) -> dict[str, list]:
    """Return, by label, name and values of the curves of each figure that has some."""
    figures = [block for part in parts for cell in part.cells for block in cell.blocks if block["t"] == "Figure"]
    noted = {floats.label(block): attributes(block["c"][0][2]).get("points") for block in figures}
    return {label: _values(points) for label, points in noted.items() if points}


def _drawn(html: str) -> dict[str, list]:
    """Return what `_curves` does, of a page."""
    return {label: _values(unescape(points)) for label, points in DRAWN.findall(html)}


def _values(points: str) -> list:
    """Return the names and values of curves without their places in the picture, which hang on the width of letters."""
    return [[name, [point[2:] for point in curve]] for panel in json.loads(points) for name, curve in panel["curves"]]


def _overview(html: str, profile: str) -> list[str]:
    """Return a sentence if the README's picture is not the figure of the page that it was copied from."""
    file = paths.ROOT / "reports" / "overview.svg"
    figure = re.search(rf'<figure id="{readme.PICTURE}"[^>]*>\s*<img src="data:image/svg\+xml,([^"]*)"', html)
    same = profile != "full" or not figure or file.is_file() and file.read_text(encoding="utf-8") == unquote(figure[1])
    return [] if same else [f"{file} is not the page's {readme.PICTURE}; `cxr render --profile full` writes it."]


def damages(record: Record) -> list[str]:
    """Return a sentence for each file of a record that is missing or not what the run wrote."""
    sentences = []
    for name in record.info["files"]:
        try:
            record.content(name)
        except CxrError as error:
            sentences.append(str(error))
    return sentences


@contextlib.contextmanager
def recomputed(profile: str, cores: int) -> Iterator[Path]:
    """Yield a build folder in which every chapter has been executed anew; it goes when the block ends.

    The chapters run in a copy of the checkout that is made of links: a file that they write replaces a link and leaves
    the original as it is.
    """
    with tempfile.TemporaryDirectory(prefix="cxr-verify-") as name:
        root = Path(name)
        _copy_of_links(paths.NOTEBOOKS, root / "notebooks")
        _copy_of_links(paths.ROOT / "reports", root / "reports")
        _copy_of_links(paths.build(profile), root / "build" / profile)
        shutil.rmtree(root / "build" / profile / "executed", ignore_errors=True)
        with concurrent.futures.ThreadPoolExecutor(cores) as pool:
            for number, chapter in enumerate(pool.map(lambda name: _execute(name, profile, root), chapter_files.names()), 1):
                say(f"verify: {chapter}, {number} of {len(chapter_files.names())} chapters")
        yield root / "build" / profile


def _copy_of_links(source: Path, target: Path) -> None:
    """Make the folders of `source` in `target`, with a link for each file."""
    for folder, _, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(parents=True, exist_ok=True)
        for name in files:
            (here / name).symlink_to(Path(folder) / name)


def _execute(chapter: str, profile: str, root: Path) -> str:
    search = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    places = {"CXR_ROOT": str(root), "CXR_BUILD_DIR": str(root / "build"), "PYTHONPATH": search}
    if profile == "full":  # the set may lie in the checkout, which the copy is not
        places["CXR_DATA_DIR"] = str(dataset.discover(profile).root)
    command = [sys.executable, "-m", "cxr_helpers.cli", "execute", chapter, "--profile", profile]
    done = subprocess.run(command, env=os.environ | places, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2].removeprefix("cxr: ")
        raise CxrError(f"The numbers cannot be computed anew: {last or f'chapter {chapter} failed without a word'}")
    return chapter


def _sentences(differences: pd.DataFrame, said: str) -> list[str]:
    return [
        f"{trace.described(place)}: the ledger has {place.text or 'nothing'}, {said} {place.other or 'nothing'}."
        for place in differences.itertuples()
    ]
