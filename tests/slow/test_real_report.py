"""The real report and the figures of its measurements, made from the committed records in a copy of the checkout."""

import re

import pytest
from checkouts import PARTS, copy, run_all
from whole_report import check

from cxr_helpers import experiments, paths, records
from cxr_helpers.extras.benchmarks import measurements


@pytest.mark.realdata
@pytest.mark.parametrize("chapters", [("--only", "06"), pytest.param((), marks=pytest.mark.long)], ids=["one chapter", "all"])
def test_the_real_report_is_made_from_the_committed_records_without_training(chapters, tmp_path):
    for experiment in experiments.load("full").values():
        recorded = records.recorded(experiment, "full")
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


@pytest.mark.parametrize("name", measurements.NAMES)
def test_the_figures_of_a_measurement_follow_from_its_stored_repeats(name):
    path = paths.reports("full") / "measurements" / f"{name}.csv"
    assert measurements.figures(name, path.with_name(f"{name}_repeats.csv.gz")) == path.read_text(encoding="utf-8")
