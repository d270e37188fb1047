"""With which code, packages and machine a result was made."""

import datetime
import importlib.metadata
import platform
import re
import subprocess
import tomllib

from cxr_helpers import paths
from cxr_helpers.base import lazy

keras, tensorflow, jax, torch = map(lazy.module, ("keras", "tensorflow", "jax", "torch"))

REMOTE = re.compile(r"(?:https://|ssh://|git@)(?:[^@/]+@)?((?:[\w-]+\.)+[a-z]{2,})(?::\d+)?[:/]([\w.-]+/[\w./-]+?)(?:\.git)?/?")
PACKAGES = (
    *("keras", "tensorflow", "jax", "torch", "numpy", "scikit-learn", "scikit-image", "optuna"),
    *("opencv-python-headless", "opencv-python", "openvino", "onnxruntime"),
)


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
