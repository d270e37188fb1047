"""Work in threads ahead of its use or in a process of its own; the seconds it takes, the memory its process comes to hold."""

import contextlib
import multiprocessing
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from cxr_helpers.errors import CxrError

_RSS_UNIT = 1024**2 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in kB elsewhere
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Elsewhere system libraries may have started threads, which a fork loses.
_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
# Imported once, so that a process does not spend seconds on it.
_IMPORTED = ["cxr_helpers.extras.benchmarks.stages", "cxr_helpers.extras.networks.programs"]


def peak_memory() -> float:
    """Return the most memory (MB of 2**20 bytes) that this process has held since it began, or since `forget_peak`."""
    if _STATUS.is_file():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_UNIT


def forget_peak() -> None:
    """Let the peak begin anew at what the process holds now; only Linux can."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")  # see proc(5)


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ahead(pool: ThreadPoolExecutor, work: Callable, items: Iterable, most: int) -> Iterator:
    """Yield `work(item)` of each item in order, done by the pool, with up to `most` of them under way or waiting."""
    waiting: deque[Future] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


class Meter:
    """Time pieces of work, and tell how far the peak memory has risen since the meter was made."""

    def __init__(self) -> None:
        self._before = self._peak = peak_memory()

    def __call__(self, work: Callable) -> tuple[object, float, float]:
        """Return what `work()` returns, the seconds it took, and the rise of the peak until now in MB."""
        started = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - started
        self._peak = max(self._peak, peak_memory())  # the kernel counts in batches: what it says may fall by some of them
        return result, seconds, self._peak - self._before


def alone(work: Callable, *arguments: object) -> object:
    """Return `work(*arguments)`, run in a fresh process: its peak memory is that of this work and of no other.

    Raises:
        CxrError: the process died.
    """
    context = multiprocessing.get_context(_METHOD)
    context.set_forkserver_preload(_IMPORTED)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool as error:
            raise CxrError(
                f"The process that ran {work.__name__} died, most likely for want of memory; "
                "close other programs and measure again."
            ) from error
