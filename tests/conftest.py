"""What all tests share: a settled environment, the order of the slow ones, and the one smoke run they look at."""

import subprocess
from pathlib import Path

import pytest
from checkouts import alone, run_all

from cxr_helpers import paths
from cxr_helpers.base import environment

environment.settle()
ORDER = ("realdata", "report", "notebooks")  # after the unit tests; the report's run trains what the notebooks load


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: the long form of a slow suite, made when asked for (-m long)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put slow tests last, and leave out those of the real set where there is none.

    With several processes the slow ones come first: the others fill what is left of the time.
    """

    def slowness(item: pytest.Item) -> int:
        return max((ORDER.index(mark) + 1 for mark in ORDER if item.get_closest_marker(mark)), default=0)

    items.sort(key=slowness, reverse=hasattr(config, "workerinput"))
    if not paths.from_environment("CXR_DATA_DIR"):
        for item in items:
            if item.get_closest_marker("realdata"):
                item.add_marker(pytest.mark.skip(reason="CXR_DATA_DIR is not set"))
    if "long" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="the short form stands for it; `cxr test -m long` makes it"))


@pytest.fixture(scope="session")
def smoke_run() -> subprocess.CompletedProcess:
    """The smoke report of this checkout, made (as far as it is out of date) by `run_all.sh --profile smoke`.

    Each process of a test run asks for it; the first makes it, the others wait and find nothing left to do.
    """
    with alone("smoke"):
        done = run_all("--profile", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project root of the test's own: records, reports, notebooks and build folder lie there; return it."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.setattr(paths, "ROOT", root)
    monkeypatch.setattr(paths, "NOTEBOOKS", root / "notebooks")
    for name in ("CXR_BUILD_DIR", "CXR_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return root
