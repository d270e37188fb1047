"""The cores that a process may use, and the memory that it comes to hold."""

import contextlib
import os
import resource
import sys
from pathlib import Path

_RSS_UNIT = 1024**2 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in kB elsewhere
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


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
