"""Compute every number of the committed report anew from the committed records and tell which differ."""

import concurrent.futures
import contextlib
import csv
import io
import itertools
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat

from cxr_helpers import paths, records
from cxr_helpers.base import lazy, stored_results
from cxr_helpers.base.progress import say, since
from cxr_helpers.errors import CxrError
from cxr_helpers.records import Record
from cxr_helpers.report import rendering
from cxr_helpers.workflow import chapter_files

pypdf = lazy.module("pypdf")

STATED = re.compile(r'<meta name="cxr-(date|revision|source)" content="([^"]*)">')
CLOSE = {"rel_tol": 2e-6, "abs_tol": 1e-9}  # data files hold seven digits


def verify(profile: str, cores: int) -> list[str]:
    """Return one sentence for every difference between the report and what its records give.

    Compared are the files of all records and stored results with their hashes; where that holds, data files, pages and PDFs with
    what all chapters give, executed anew on `cores` processors.

    Raises:
        CxrError: a page or PDF is missing, or a chapter fails.
    """
    started, documents = time.monotonic(), _documents(profile)
    for path in (paths.reports(profile) / f"{name}.{kind}" for name in documents for kind in rendering.FORMATS):
        if not path.is_file():
            raise CxrError(f"{path} is missing; `cxr render --profile {profile}` writes it, or restore it from git.")
    broken = [sentence for record in records.every(profile) for sentence in damages(record)] + changed_sources(profile)
    say(f"verify: records and stored results are {'not all ' if broken else ''}as they were written")
    if broken:
        return broken
    with recomputed(profile, cores, list(itertools.chain(*documents.values()))) as build:
        anew, changed = 0, []
        for chapter in itertools.chain(*documents.values()):
            files = chapter_files.files(nbformat.read(build / "executed" / f"{chapter}.ipynb", as_version=4), chapter)
            anew += len(files)
            changed += [sentence for name, content in files.items() for sentence in differences(name, content, profile)]
        say(f"verify: {anew:,} data files computed anew in {since(started)}; {len(changed)} differences")
        return changed + _pages(documents, profile, build)


def damages(record: Record) -> list[str]:
    """Return a sentence for each file in the record's folder that is missing, changed, or under no hash."""
    try:
        listed = record.files
    except CxrError as error:
        return [str(error)]
    sentences = []
    for name in listed:
        try:
            record.content(name)
        except CxrError as error:
            sentences.append(str(error))
    folder = record.folder
    if (folder / "run.json").read_bytes() != records.encoded(record.info):
        sentences.append(f"{folder / 'run.json'} is not laid out as the run wrote it; {records.RESTORE}.")
    unlisted = sorted(path for path in folder.glob("[!.]*") if path.name not in ("run.json", *listed))
    return sentences + [f"{path} is under no hash of the record; delete it or make it again." for path in unlisted]


def changed_sources(profile: str) -> list[str]:
    """Return a sentence for each stored result that is not what the chapters have read."""
    read = {}
    for chapter in chapter_files.names():
        read |= chapter_files.sources(chapter, profile)
    sentences = []
    for name, digest in read.items():
        path = paths.ROOT / name
        if not path.is_file() or stored_results.digest(path) != digest:
            fault = "not what the report was made from" if path.is_file() else "missing"
            sentences.append(f"{name} is {fault}; restore it from git, or make the report anew.")
    return sentences


def differences(name: str, anew: str, profile: str) -> list[str]:
    """Return a sentence for the first place at which a stored data file is not what was computed anew; none if there is none."""
    path = chapter_files.folder(profile) / name
    if not path.is_file():
        return [f"{name} is missing; `cxr execute` of its chapter writes it."]
    stored = path.read_text(encoding="utf-8")
    if not name.endswith(".csv"):
        return [] if stored == anew else [f"{name} names other stored results than were read anew."]
    rows = itertools.zip_longest(*(csv.reader(io.StringIO(text)) for text in (stored, anew)), fillvalue=[])
    for line, (old, new) in enumerate(rows, 1):
        for was, found in itertools.zip_longest(old, new, fillvalue=""):
            if not _same(was, found):
                return [f"{name}, line {line}: stored is {was or 'nothing'}, computed anew it is {found or 'nothing'}."]
    return []


def _same(one: str, other: str) -> bool:
    try:
        return one == other or math.isclose(float(one), float(other), **CLOSE)
    except ValueError:
        return False


def _documents(profile: str) -> dict[str, list[str]]:
    """Return the documents of the report with their chapters: of synthetic images the supplement only where there is one."""
    found = {"thesis": chapter_files.of("thesis"), "supplement": chapter_files.of("supplement")}
    there = [name for name in found if found[name] and (profile == "full" or (paths.reports(profile) / f"{name}.html").is_file())]
    return {name: found[name] for name in there or found}


def _pages(documents: dict[str, list[str]], profile: str, build: Path) -> list[str]:
    """Return a sentence for each page and PDF that is not what the chapters give now, with the first place that differs."""
    sentences, stored = [], {name: (paths.reports(profile) / f"{name}.html").read_text(encoding="utf-8") for name in documents}
    for name, html in stored.items():
        facts = {fact: value for fact, value in rendering.facts(profile).items() if fact != "Source"}
        facts |= {fact.capitalize(): value for fact, value in STATED.findall(html)}
        anew = rendering.assemble([name], profile, facts, build=build)[name]
        pairs = {"html": (html.splitlines(), rendering.content(anew, "html").decode().splitlines())}
        printed = (paths.reports(profile) / f"{name}.pdf").read_bytes()
        pairs["pdf"] = (_printed(printed), _printed(rendering.content(anew, "pdf")))
        sentences += [f"{name}.{kind}: {_first_difference(*pair)}" for kind, pair in pairs.items() if pair[0] != pair[1]]
    return sentences


def _printed(pdf: bytes) -> list[str]:
    return [line for sheet in pypdf.PdfReader(io.BytesIO(pdf)).pages for line in sheet.extract_text().splitlines()]


def _first_difference(old: list[str], new: list[str]) -> str:
    was, found = next(pair for pair in itertools.zip_longest(old, new, fillvalue="") if pair[0] != pair[1])
    start = max(0, len(os.path.commonprefix([was, found])) - 60)
    return f"it has {was[start : start + 120].strip()!r}, made anew {found[start : start + 120].strip()!r}."


@contextlib.contextmanager
def recomputed(profile: str, cores: int, chapters: list[str]) -> Iterator[Path]:
    """Yield a build folder in which the chapters have been executed anew; it goes when the block ends.

    What else the build folder of the profile holds, as packed images, is in it as links.
    """
    with tempfile.TemporaryDirectory(prefix="cxr-verify-") as name:
        build = Path(name) / profile
        build.mkdir()
        for path in paths.build(profile).iterdir():
            if path.name != "executed":
                (build / path.name).symlink_to(path)
        with concurrent.futures.ThreadPoolExecutor(cores) as pool:
            for number, chapter in enumerate(pool.map(lambda each: _execute(each, profile, name), chapters), 1):
                say(f"verify: {chapter}, {number} of {len(chapters)} chapters")
        yield build


def _execute(chapter: str, profile: str, build: str) -> str:
    command = [sys.executable, "-m", "cxr_helpers", "execute", chapter, "--profile", profile]
    places = {"CXR_ROOT": str(paths.ROOT), "CXR_BUILD_DIR": build}
    done = subprocess.run(command, env=os.environ | places, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2].removeprefix("cxr: ")
        raise CxrError(f"The numbers cannot be computed anew: {last or f'chapter {chapter} failed without a word'}")
    return chapter
