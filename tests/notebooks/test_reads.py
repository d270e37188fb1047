"""What a chapter says that it reads is what it was seen to read."""

import fnmatch
import json

import pytest

from cxr_helpers import experiments, paths
from cxr_helpers.workflow import chapter_files


def unexpected(chapter: str, profile: str) -> list[str]:
    """Return what an executed chapter read without saying so."""
    known = experiments.load(profile)
    allowed = set(chapter_files.experiments_read(chapter, profile))
    runs = {config.run_id for name in allowed for config in known[name].configs}
    patterns = [f"*/{entry}" for entry in chapter_files.reads(chapter)]

    def said(source: str) -> bool:
        if "/runs/" in source:
            return source.split("/")[-2] in runs
        return any(fnmatch.fnmatch(source, pattern) for pattern in patterns)

    return [source for source in chapter_files.sources(chapter, profile) if not said(source)]


def unread(chapter: str, profile: str) -> list[str]:
    """Return what a chapter says that it reads, and was not seen to read although it is there."""
    seen = set(chapter_files.sources(chapter, profile))
    known, missed = experiments.load(profile), []
    for entry in (entry for entry in chapter_files.reads(chapter) if entry != "experiment:calibrated_*"):  # the final model's
        pattern = entry.removeprefix("experiment:")
        if pattern != entry:
            rows = fnmatch.filter(known, pattern)
            runs = {config.run_id for name in rows for config in known[name].configs}
            made = any((paths.runs(profile) / run).is_dir() for run in runs)
            missed += [entry] if made and not runs & {source.split("/")[-2] for source in seen if "/runs/" in source} else []
        else:
            there = {path for folder in {paths.reports(profile), paths.reports("full")} for path in folder.glob(entry)}
            named = {path.relative_to(paths.ROOT).as_posix() for path in there}
            missed += [entry] if named and not named & seen else []
    return missed


@pytest.mark.report
@pytest.mark.parametrize("chapter", chapter_files.of("thesis"))
def test_a_chapter_reads_what_it_says(chapter, smoke_run):
    assert unexpected(chapter, "smoke") == []


@pytest.mark.parametrize("chapter", chapter_files.names())
def test_the_committed_chapter_read_what_it_says_and_nothing_else(chapter):
    assert unexpected(chapter, "full") == [] and unread(chapter, "full") == []


@pytest.mark.parametrize("chapter", chapter_files.names())
def test_what_a_chapter_reads_is_known(chapter):
    notebook = json.loads(chapter_files.source(chapter).read_text(encoding="utf-8"))
    assert isinstance(notebook["metadata"]["cxr"]["reads"], list)
    assert isinstance(chapter_files.experiments_read(chapter, "smoke"), list)


def test_chapter_one_alone_trains_nothing():
    assert chapter_files.experiments_read("01_eda", "smoke", whole=False) == []
