"""Work runs in a process of its own, and memory is that process' own."""

import os
import time

import numpy as np
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import fresh_process


def held(megabytes):
    """Hold so much memory for a moment; return process id, and the rise of the peak before and after."""
    meter = fresh_process.Meter()
    _, _, before = meter(lambda: None)
    _, _, after = meter(lambda: np.ones(megabytes * 2**17))  # of 8 bytes
    return os.getpid(), before, after


def killed():
    os._exit(1)


def test_a_process_knows_its_own_peak_and_no_other():
    large, small = fresh_process.alone(held, 80), fresh_process.alone(held, 4)
    assert len({large[0], small[0], os.getpid()}) == 3
    assert 80 <= large[2] < 90 and large[1] < 2
    assert small[2] < 14  # the 80 MB of the process before are not in it


def test_a_process_that_dies_is_one_sentence():
    with pytest.raises(CxrError, match="The process that ran killed died.*measure again"):
        fresh_process.alone(killed)


def test_the_meter_returns_the_result_and_the_seconds():
    result, seconds, _ = fresh_process.Meter()(lambda: time.sleep(0.05) or "done")
    assert result == "done" and 0.05 <= seconds < 1
