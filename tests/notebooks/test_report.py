"""The report as run_all.sh makes it: the synthetic one of this checkout, and the committed one."""

import re

import pytest
from checkouts import alone, run_all
from whole_report import check

from cxr_helpers import experiments, paths, records
from cxr_helpers.workflow import chapter_files

pytestmark = pytest.mark.report
BEGUN = re.compile(r" (?:train .*: begins|chapter \w+:.*|render: .*)$", re.MULTILINE)


def test_the_smoke_report_is_whole_and_every_page_says_synthetic(smoke_run):
    check(paths.reports("smoke"), "smoke")


def test_every_experiment_of_the_thesis_has_its_smoke_records(smoke_run):
    of_thesis = [name for name, row in experiments.load("smoke").items() if row.chapter in chapter_files.of("thesis")]
    assert len(of_thesis) > 50
    for experiment in of_thesis:
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
