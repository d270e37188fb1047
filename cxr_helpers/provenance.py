"""With which code, packages and machine a result was made."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

import keras

from cxr_helpers import revision

PACKAGES = (
    *("keras", "tensorflow", "jax", "torch", "numpy", "scikit-learn", "scikit-image", "optuna"),
    *("opencv-python-headless", "opencv-python", "openvino", "onnxruntime", "ai-edge-litert", "nncf"),
)
_PROCESSORS = Path("/proc/cpuinfo")


def current() -> dict:
    """Return backend, device, package versions, git revision and the time of now (UTC)."""
    return {
        "backend": keras.backend.backend(),
        "device": _device(),
        "packages": {"python": platform.python_version()} | _versions(),
        "git_revision": revision.current(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def machine() -> str:
    """Return system, processor and number of cores in words."""
    lines = _PROCESSORS.read_text().splitlines() if _PROCESSORS.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{platform.system()}, {models[0] if models else platform.machine()}, {os.cpu_count()} cores"


def _versions() -> dict[str, str]:
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return {name: installed[name] for name in PACKAGES if name in installed}


def _device() -> str:
    accelerators = [name for name in keras.distribution.list_devices() if "cpu" not in name.lower()]
    return ", ".join(accelerators) if accelerators else f"CPU ({platform.machine()})"
