"""Networks, and what extras announce to the core, which never imports them: entry points of the installed package."""

from importlib import metadata
from typing import Any

from cxr_helpers.errors import CxrError


def names(group: str) -> list[str]:
    """Return the names that a group ("networks", "makers", ...) knows, sorted."""
    return sorted({point.name for point in metadata.entry_points(group=f"cxr_helpers.{group}")})


def load(group: str, name: str) -> Any:
    """Import and return what is announced under `name`.

    Raises:
        CxrError: the name is unknown, or a package that it needs is not installed.
    """
    for point in metadata.entry_points(group=f"cxr_helpers.{group}", name=name):
        try:
            return point.load()
        except ModuleNotFoundError as error:
            raise CxrError(f"{name} needs the package {error.name}; `pip install {error.name}` brings it.") from error
    known = ", ".join(names(group)) or "none: install the package"
    raise CxrError(f"{name!r} is unknown among the {group}; choose one of {known}.")
