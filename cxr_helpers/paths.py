"""Where things lie. Computes paths only: nothing is created, nothing is read."""

import os
from pathlib import Path

ROOT = Path(os.environ.get("CXR_ROOT") or Path(__file__).resolve().parent.parent).expanduser().absolute()
NOTEBOOKS = ROOT / "notebooks"
TEMPLATE = ROOT / "reports" / "template"


def from_environment(name: str) -> Path | None:
    """Return the absolute path that environment variable `name` holds, or None where it is unset."""
    value = os.environ.get(name)
    return Path(value).expanduser().resolve() if value else None


def reports(profile: str) -> Path:
    """Return the folder a reader opens: `reports/` for real results, `reports/smoke/` for synthetic ones."""
    return ROOT / "reports" if profile == "full" else ROOT / "reports" / profile


def runs(profile: str) -> Path:
    """Return the folder of the run records."""
    return reports(profile) / "runs"


def tables(profile: str) -> Path:
    """Return the folder of result tables (CSV, JSON) built from the records."""
    return reports(profile) / "tables"


def build(profile: str) -> Path:
    """Return the folder of everything that can be made anew: manifest, packed arrays, features, models."""
    return (from_environment("CXR_BUILD_DIR") or ROOT / "build") / profile


def scratch_runs(profile: str) -> Path:
    """Return the folder of the records of what a chapter trains with changed parameters, never beside the committed ones."""
    return build(profile) / "scratch" / "runs"
