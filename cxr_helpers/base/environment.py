"""What a process finds: environment variables, settled before libraries read them, cores, memory; code, packages and machine."""

import datetime
import importlib.metadata
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from cxr_helpers import paths
from cxr_helpers.base import lazy

keras, tensorflow, jax, torch = map(lazy.module, ("keras", "tensorflow", "jax", "torch"))

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
_STATUS = Path("/proc/self/status")
REMOTE = re.compile(r"(?:https://|ssh://|git@)(?:[^@/]+@)?((?:[\w-]+\.)+[a-z]{2,})(?::\d+)?[:/]([\w.-]+/[\w./-]+?)(?:\.git)?/?")
PACKAGES = (
    *("keras", "tensorflow", "jax", "torch", "numpy", "scikit-learn", "scikit-image", "optuna"),
    *("opencv-python-headless", "opencv-python", "openvino", "onnxruntime"),
)


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
    """Return the most memory (MB of 2**20 bytes) that this process has held since it began."""
    if _STATUS.is_file():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_UNIT


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def current() -> dict:
    """Return backend, device, package versions, git revision and the time of now (UTC)."""
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    packages = {name: installed[name] for name in PACKAGES if name in installed}
    return {
        "backend": keras.backend.backend(),
        "device": accelerator() or f"CPU ({platform.machine()})",
        "packages": {"python": platform.python_version()} | packages,
        "git_revision": revision(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def accelerator() -> str | None:
    """Return the first accelerator's name, such as "NVIDIA H100 80GB HBM3", or None where there is only the processor."""
    if keras.backend.backend() == "jax":
        return next((device.device_kind for device in jax.devices() if device.platform != "cpu"), None)
    if keras.backend.backend() == "torch":
        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    found = tensorflow.config.list_physical_devices("GPU")
    return tensorflow.config.experimental.get_device_details(found[0]).get("device_name", "GPU") if found else None


def revision() -> str:
    """Return the short git revision, with "-dirty" where tracked files other than the results in `reports/` differ from it."""
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":!reports")
        return _git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "not under version control"


def repository() -> str | None:
    """Return the public address of the repository: of the git remote "origin", else of `[project.urls]`; None: it has none."""
    try:
        remote = _git("remote", "get-url", "origin")
    except (OSError, subprocess.CalledProcessError):
        remote = ""
    settings = paths.ROOT / "pyproject.toml"
    project = tomllib.loads(settings.read_text(encoding="utf-8"))["project"] if settings.is_file() else {}
    for address in (remote, *project.get("urls", {}).values()):
        if found := REMOTE.fullmatch(address):
            return f"https://{found[1]}/{found[2]}"
    return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(paths.ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
