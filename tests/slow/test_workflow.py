"""The workflow in a copy of the checkout: three chapters of two lines, and a training that takes no time."""

import fcntl
import re

import pytest
from checkouts import ALPHA, copy, run_all, write_chapter

from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import download
from cxr_helpers.workflow import pipeline

TRAINING = '''
import time
import pandas as pd
from cxr_helpers import records

def train(config, profile, retrain=False):
    info = {"initialisation": "random", "device": "CPU", "wall_time_s": 1, "finished": time.time()}
    scores = pd.DataFrame([("a", "p", "test", 1, 0.5)], columns=records.SCORE_COLUMNS)
    return records.write(config, profile, info, {"scores": scores})
'''
CHAPTERS = ("01_eda", "02_alpha", "03_all")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout in which everything was made once."""
    root = copy(tmp_path_factory.mktemp("workflow") / "a checkout")
    (root / "cxr_helpers" / "training" / "__init__.py").write_text(TRAINING)
    (root / "cxr_helpers" / "experiments.toml").write_text(ALPHA)
    write_chapter(root / "notebooks", CHAPTERS[0], "print('images')")
    count = ("from cxr_helpers import records", "print(len(records.every(profile)))")
    write_chapter(root / "notebooks", CHAPTERS[1], *count, reads=("experiment:alpha",))
    write_chapter(root / "notebooks", CHAPTERS[2], *count, reads=("experiment:*",))
    write_chapter(root / "notebooks" / "supplement", "s01_more", "print('more')")
    done = run(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert trained(done) == ["alpha, official, seed 0", "alpha, official, seed 1"]
    assert chapters(done) == list(CHAPTERS)
    return root


def run(root, *arguments):
    return run_all("--profile", "smoke", "--cores", "2", *arguments, root=root, CXR_BUILD_DIR=str(root / "build"))


def steps(done, pattern: str) -> list[str]:
    """Return what matches in the lines of progress, which begin with the time of day."""
    return sorted(re.findall(rf"^\d\d:\d\d:\d\d {pattern}", done.stdout, re.MULTILINE))


def trained(done) -> list[str]:
    return steps(done, "train (.*): begins$")


def chapters(done) -> list[str]:
    return steps(done, r"chapter (\w+):")


def rendered(done) -> list[str]:
    return steps(done, r"render: .*(thesis\.\w+),")


def pages(root) -> list:
    return [root / "reports" / "smoke" / f"thesis.{kind}" for kind in ("html", "pdf")]


def test_a_second_run_does_nothing(checkout):
    before = [page.stat().st_mtime_ns for page in pages(checkout)]
    done = run(checkout)
    assert done.returncode == 0 and not trained(done) and not chapters(done)
    assert [page.stat().st_mtime_ns for page in pages(checkout)] == before
    assert [line.strip() for line in done.stdout.splitlines()[-2:]] == [str(page) for page in pages(checkout)]


def test_new_times_on_old_files_train_nothing_and_execute_nothing(checkout):
    for path in [*checkout.glob("notebooks/*"), *checkout.glob("cxr_helpers/*.py")]:
        path.touch()
    done = run(checkout)
    assert not trained(done) and not chapters(done) and not rendered(done)
    for path in checkout.glob("reports/smoke/runs/*/*"):
        path.touch()
    assert not trained(run(checkout))


def test_only_the_changed_chapter_runs_again(checkout):
    write_chapter(checkout / "notebooks", "02_alpha", "print('changed')", reads=("experiment:alpha",))
    done = run(checkout)
    assert chapters(done) == ["02_alpha"] and rendered(done) == ["thesis.html", "thesis.pdf"] and not trained(done)


def test_a_missing_run_is_trained_and_only_it(checkout):
    (folder,) = checkout.glob("reports/smoke/runs/custom_cnn-official-s1-*")
    for path in folder.iterdir():
        path.unlink()
    done = run(checkout)
    assert trained(done) == ["alpha, official, seed 1"]
    assert chapters(done) == ["02_alpha", "03_all"]


def test_retrain_with_only_trains_what_that_chapter_reports(checkout):
    done = run(checkout, "--retrain", "--only", "2")
    assert trained(done) == ["alpha, official, seed 0", "alpha, official, seed 1"] and chapters(done) == ["02_alpha"]
    assert done.stdout.splitlines()[-1].strip() == str(checkout / "build" / "smoke" / "executed" / "02_alpha.ipynb")
    assert chapters(run(checkout)) == ["03_all"]


def test_a_chapter_that_reads_no_record_trains_nothing(checkout):
    for path in checkout.glob("reports/smoke/runs/*/*"):
        path.unlink()
    write_chapter(checkout / "notebooks", "01_eda", "print('other images')")
    done = run(checkout, "--only", "1")
    assert chapters(done) == ["01_eda"] and not trained(done)
    assert len(trained(run(checkout))) == 2


def test_the_supplement_is_made_where_it_is_asked_for(checkout):
    assert not (checkout / "reports" / "smoke" / "supplement.html").exists()
    done = run(checkout, "--supplement")
    assert done.returncode == 0 and chapters(done) == ["s01_more"]
    made = [str(checkout / "reports" / "smoke" / f"supplement.{kind}") for kind in ("html", "pdf")]
    assert [line.strip() for line in done.stdout.splitlines()[-2:]] == made
    done = run(checkout, "--only", "s01")
    assert done.returncode == 0 and not chapters(done)


def test_a_failed_chapter_is_named_and_the_old_report_stays(checkout):
    before = [page.read_bytes() for page in pages(checkout)]
    source = (checkout / "notebooks" / "01_eda.ipynb").read_bytes()
    write_chapter(checkout / "notebooks", "01_eda", "1 / 0")
    done = run(checkout)
    (checkout / "notebooks" / "01_eda.ipynb").write_bytes(source)
    assert done.returncode == 1
    cause, summary = done.stderr.splitlines()[-2:]
    assert cause.startswith("cxr: Chapter 01_eda, cell 3 failed with ZeroDivisionError") and "not finished" in summary
    assert [page.read_bytes() for page in pages(checkout)] == before
    assert run(checkout).returncode == 0


def test_a_second_run_at_once_is_refused_and_a_lock_without_owner_is_not(checkout):
    lock = checkout / "build" / "smoke" / "workflow.lock"
    with open(lock) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = run(checkout)
    assert done.returncode == 1
    assert done.stderr == "cxr: Another run is making the smoke report; wait until it ends, or stop it.\n"
    assert lock.exists() and run(checkout).returncode == 0


def test_an_unknown_chapter_is_one_sentence(checkout):
    done = run(checkout, "--only", "99")
    assert done.returncode == 1
    assert done.stderr == "cxr: Chapter '99' is unknown; notebooks/ has 01_eda, 02_alpha, 03_all, s01_more.\n"


@pytest.fixture
def no_data(monkeypatch):
    """No real set at hand, and none to be downloaded."""

    def ensure():
        raise CxrError("The set could not be downloaded.")

    for name in ("CXR_DATA_DIR", "CXR_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(dataset, "found", lambda: None)
    monkeypatch.setattr(download, "ensure", ensure)


def test_without_data_auto_says_why_and_goes_on_with_synthetic_images(no_data, capsys):
    assert pipeline.choose("auto") == "smoke"
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and "could not be downloaded" in said[0] and "smoke" in said[0]


def test_without_data_full_is_an_error(no_data):
    with pytest.raises(CxrError, match="could not be downloaded"):
        pipeline.choose("full")


def test_a_wrong_folder_is_an_error_and_not_a_reason_for_synthetic_images(monkeypatch, tmp_path):
    monkeypatch.setenv("CXR_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(CxrError, match="nowhere"):
        pipeline.choose("auto")


def test_a_downloaded_set_is_used(no_data, monkeypatch):
    monkeypatch.setattr(download, "ensure", lambda: None)
    assert pipeline.choose("auto") == "full"


def test_asking_for_smoke_downloads_nothing(monkeypatch):
    monkeypatch.setattr(download, "ensure", lambda: pytest.fail("a download was tried"))
    assert pipeline.choose("smoke") == "smoke"
    monkeypatch.setenv("CXR_PROFILE", "smoke")
    assert pipeline.choose("auto") == "smoke"
