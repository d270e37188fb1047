"""Run work in a process of its own, and meter the seconds it takes and the memory it comes to hold."""

import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from cxr_helpers.base.environment import peak_memory
from cxr_helpers.errors import CxrError

# Elsewhere than on Linux system libraries may have started threads, which a fork loses.
_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
# Imported once, so that a process does not spend seconds on it.
_IMPORTED = ["cxr_helpers.extras.benchmarks.stages", "cxr_helpers.extras.networks.programs"]


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
