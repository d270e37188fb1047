"""Which stored results a chapter reads: noted by their readers, and taken by what the chapter shows next."""

import hashlib
from pathlib import Path

from cxr_helpers import paths

_noted: set[Path] = set()  # since something was last shown


def note(path: Path) -> None:
    """Say that the stored result at `path` is being read; a record is noted by its run.json, which has its files' hashes."""
    _noted.add(Path(path))


def sources() -> dict[str, str]:
    """Return what was read since this was last asked: path from the project's root (else as it is) -> SHA-256 (hex), sorted."""
    there = sorted(path for path in _noted if path.is_file())
    _noted.clear()
    inside = {path: path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path for path in there}
    return {name.as_posix(): digest(path) for path, name in inside.items()}


def digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
