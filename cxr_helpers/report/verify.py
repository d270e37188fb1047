"""Compute every number of the committed report anew from the committed records, in a copy, and tell which differ."""

import concurrent.futures
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cxr_helpers import notebooks, paths, records
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError
from cxr_helpers.imports import PACKAGE
from cxr_helpers.progress import say, since
from cxr_helpers.records import Record
from cxr_helpers.report import ledger, rendering, trace


def verify(profile: str, cores: int) -> list[str]:
    """Return one sentence for every number of the report that differs, and for every record that is not as it was written.

    Three texts are compared: the ledger, the page, and what the chapters say when they are executed anew on `cores`
    processors. Nothing in `reports/` or in the build folder changes. Where a record is damaged, nothing is executed.

    Raises:
        CxrError: ledger or page is missing, or a chapter fails.
    """
    stored, started = ledger.read(profile), time.monotonic()
    page = paths.reports(profile) / "thesis.html"
    if not page.is_file():
        raise CxrError(f"{page} is missing; `cxr render --profile {profile}` writes it, or restore it from git.")
    found = records.every(profile)
    broken = [sentence for record in found for sentence in damages(record)]
    say(f"verify: {len(found)} records are {'as they were written' if not broken else 'not all as they were written'}")
    if broken:
        return broken
    shown = ledger.differences(stored, ledger.of_page(page.read_text(encoding="utf-8")))
    say(f"verify: {len(stored):,} numbers in the ledger; the page differs in {len(shown)}")
    with recomputed(profile, cores) as build:
        anew = ledger.of_report(rendering.assemble(profile, notebooks.names(), build=build).parts)
    changed = ledger.differences(stored, anew)
    say(f"verify: {len(anew):,} numbers computed anew in {since(started)}; {len(changed)} differ from the ledger")
    return [*_sentences(shown, "the page has"), *_sentences(changed, "computed anew it is")]


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
            for number, chapter in enumerate(pool.map(lambda name: _execute(name, profile, root), notebooks.names()), 1):
                say(f"verify: {chapter}, {number} of {len(notebooks.names())} chapters")
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
