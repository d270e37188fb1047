"""With which code, packages and machine something was measured."""

import os
import platform
from pathlib import Path

from cxr_helpers.base import environment

_PROCESSORS = Path("/proc/cpuinfo")


def about() -> dict:
    """Return what `environment.current` says, and "machine": system, processor and number of cores in words."""
    lines = _PROCESSORS.read_text().splitlines() if _PROCESSORS.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    machine = f"{platform.system()}, {models[0] if models else platform.machine()}, {os.cpu_count()} cores"
    return {"machine": machine} | environment.current()
