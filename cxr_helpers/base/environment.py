"""What a process finds: environment variables, settled before libraries read them, its cores, and the memory that it holds."""

import contextlib
import os
import resource
import sys
import tempfile
from pathlib import Path

from cxr_helpers import paths

DEFAULTS = {
    "KERAS_BACKEND": "tensorflow",
    "MPLBACKEND": "Agg",
    "OPENCV_LOG_LEVEL": "SILENT",  # its reader of TIFF would print what it finds damaged, which is refused with a reason
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # chapters that run side by side share one accelerator
    "OPENBLAS_THREAD_TIMEOUT": "4",  # its threads would wait at full speed after a product, on cores that a network wants
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a kernel's debugger would warn of frozen modules before anything is said
}
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENCV_FOR_THREADS_NUM", "NUMBA_NUM_THREADS")
_RSS_UNIT = 1024**2 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in kB elsewhere
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def settle() -> None:
    """Make the folders in CXR_* variables absolute, since chapters run elsewhere, and set defaults that are not set yet.

    Any file name can be printed. A home folder that cannot be written is replaced by a temporary one.
    Snakemake gives each job its share of the cores as OMP_NUM_THREADS, which not every library reads: it is passed on.
    """
    for stream in (sys.stdout, sys.stderr):  # a file name may hold bytes that are no text
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # A check of web addresses that jsonschema takes along where it can: a grammar that takes 1.4 s to build whenever
    # notebooks are read, and that none of their fields needs.
    sys.modules.setdefault("rfc3987_syntax", None)
    for name in list(os.environ):
        if name.startswith("CXR_") and name.endswith(("_DIR", "_GEOMETRY")) and (path := paths.from_environment(name)):
            os.environ[name] = str(path)
    if os.environ.get("CXR_ROOT"):
        os.environ["CXR_ROOT"] = str(paths.ROOT)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if not os.access(os.path.expanduser("~"), os.W_OK):
        os.environ["HOME"] = tempfile.mkdtemp(prefix="cxr-")  # no other user can write to it: IPython runs what lies there
    if share := os.environ.get("OMP_NUM_THREADS"):
        for name in THREADS:
            os.environ.setdefault(name, share)


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
