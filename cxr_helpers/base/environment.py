"""The environment variables that libraries read when they are first imported, settled before that."""

import codecs
import contextlib
import locale
import os
import stat
import sys
import tempfile
from pathlib import Path

from cxr_helpers import paths

FOLDERS = (
    *("CXR_BUILD_DIR", "CXR_DATA_DIR", "CXR_EXTERNAL_DIR", "CXR_GEOMETRY", "CXR_SAMPLE_DIR"),
    *("CXR_WEIGHTS_DIR", "CXR_CHESTXRAY14_DIR", "CXR_SKIN_DIR", "CXR_BRAIN_DIR"),
)
DEFAULTS = {
    "KERAS_BACKEND": "tensorflow",
    "MPLBACKEND": "Agg",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # chapters that run side by side share one accelerator
    "OPENBLAS_THREAD_TIMEOUT": "4",  # its threads would wait at full speed after a product, on cores that a network wants
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a kernel's debugger would warn of frozen modules before anything is said
}
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENCV_FOR_THREADS_NUM", "NUMBA_NUM_THREADS")

CACHES = {  # variable → folder that its library otherwise makes in the home folder
    "MPLCONFIGDIR": "matplotlib",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "jupyter/config",
    "JUPYTER_DATA_DIR": "jupyter/data",
    "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
    "XDG_CACHE_HOME": "cache",
}


def speak_utf8() -> None:
    """Restart this process in Python's UTF-8 mode where the locale has another encoding, and let it print any file name."""
    if codecs.lookup(locale.getencoding()).name != "utf-8":
        os.environ["LC_ALL"] = "C.UTF-8"  # for pandoc, which asks the locale too
        if not sys.flags.utf8_mode and sys.orig_argv:
            os.environ["PYTHONUTF8"] = "1"
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    for stream in (sys.stdout, sys.stderr):  # a file name may hold bytes that are no text
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def settle() -> None:
    """Make the folders in CXR_* variables absolute, since chapters run elsewhere, and set defaults that are not set yet.

    Where the home folder cannot be written, libraries get a folder for temporary files instead.
    Snakemake gives each job its share of the cores as OMP_NUM_THREADS, which not every library reads: it is passed on.
    """
    # A check of web addresses that jsonschema takes along where it can: a grammar that takes 1.4 s to build whenever
    # notebooks are read, and that none of their fields needs.
    sys.modules.setdefault("rfc3987_syntax", None)
    for name in FOLDERS:
        path = paths.from_environment(name)
        if path:
            os.environ[name] = str(path)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if not os.access(os.path.expanduser("~"), os.W_OK):
        own = _own_folder()
        for name, folder in CACHES.items():
            os.environ.setdefault(name, str(own / folder))
    share = os.environ.get("OMP_NUM_THREADS")
    if share:
        for name in THREADS:
            os.environ.setdefault(name, share)


def _own_folder() -> Path:
    """Return a folder for temporary files that no other user can write to, because IPython runs what lies in its folder."""
    folder = Path(tempfile.gettempdir(), f"cxr-{os.getuid()}")
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o077:
            return folder
    return Path(tempfile.mkdtemp(prefix="cxr-"))
