"""A module that is imported late is whole for every thread that uses it, also for the second one."""

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from cxr_helpers.base import lazy


@pytest.fixture
def slow(tmp_path, monkeypatch):
    (tmp_path / "slow_to_load.py").write_text("import time\nfirst = 1\ntime.sleep(0.2)\nlast = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield lazy.module("slow_to_load")
    sys.modules.pop("slow_to_load", None)


def test_two_threads_that_use_a_module_first_both_find_it_whole(slow):
    together = Barrier(4)

    def used(_):
        together.wait()
        return slow.last

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(used, range(4))) == [2] * 4


def test_nothing_is_loaded_before_it_is_used(slow):
    assert "slow_to_load" not in sys.modules
    with pytest.MonkeyPatch.context() as patched:  # replaces what is in the module itself, and puts it back
        patched.setattr(slow, "first", 5)
        assert sys.modules["slow_to_load"].first == 5 and lazy.module("slow_to_load") is sys.modules["slow_to_load"]
    assert slow.first == 1


def test_a_module_that_is_not_there_is_said_at_its_first_use():
    with pytest.raises(ImportError, match="no_such_module"):
        _ = lazy.module("no_such_module").anything
