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
_PROCESSORS = Path("/proc/cpuinfo")


def current() -> dict:
    """Return backend, device, package versions, git revision and the time of now (UTC)."""
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    packages = {name: installed[name] for name in PACKAGES if name in installed}
    return {
        "backend": keras.backend.backend(),
        "device": devices.accelerator() or f"CPU ({platform.machine()})",
        "packages": {"python": platform.python_version()} | packages,
        "git_revision": revision.current(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def machine() -> str:
    """Return system, processor and number of cores in words."""
    lines = _PROCESSORS.read_text().splitlines() if _PROCESSORS.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{platform.system()}, {models[0] if models else platform.machine()}, {os.cpu_count()} cores"
