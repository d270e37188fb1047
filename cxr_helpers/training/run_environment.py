"""With which code, packages and machine a result was made."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

from cxr_helpers.base import lazy, revision
from cxr_helpers.training import devices

keras = lazy.module("keras")

PACKAGES = (
    *("keras", "tensorflow", "jax", "torch", "numpy", "scikit-learn", "scikit-image", "optuna"),
    *("opencv-python-headless", "opencv-python", "openvino", "onnxruntime", "ai-edge-litert", "nncf"),
)
SIDE_BY_SIDE = "CXR_SIDE_BY_SIDE"  # how many runs share the device, set by the training matrix for its processes
_PROCESSORS = Path("/proc/cpuinfo")


def current() -> dict:
    """Return backend, device, package versions, git revision and the time of now (UTC).

    `side_by_side` is there where other runs of a matrix share the device: seconds then say little of its speed.
    """
    shared = os.environ.get(SIDE_BY_SIDE)
    return ({"side_by_side": int(shared)} if shared else {}) | {
        "backend": keras.backend.backend(),
        "device": _device(),
        "packages": {"python": platform.python_version()} | _versions(),
        "git_revision": revision.current(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def accelerator_memory() -> dict[str, int]:
    """Return `accelerator_peak_memory_mb` of this process, or nothing where there is only the processor."""
    peak = devices.peak_memory()
    return {"accelerator_peak_memory_mb": round(peak)} if peak else {}


def machine() -> str:
    """Return system, processor and number of cores in words."""
    lines = _PROCESSORS.read_text().splitlines() if _PROCESSORS.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{platform.system()}, {models[0] if models else platform.machine()}, {os.cpu_count()} cores"


def _versions() -> dict[str, str]:
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return {name: installed[name] for name in PACKAGES if name in installed}


def _device() -> str:
    return devices.accelerator() or f"CPU ({platform.machine()})"
