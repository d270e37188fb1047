"""Write files so that a reader sees the old one or the whole new one, never a part."""

import contextlib
import glob
import hashlib
import os
import shutil
import socket
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import psutil

from cxr_helpers.errors import CxrError


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffixes); on success it replaces `path`, on error it is removed.

    Drafts that killed processes left are removed first. The content has reached the disk when this returns.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    temporary = draft_of(path)
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def draft_of(path: Path) -> Path:
    """Return the hidden name beside `path` under which this process makes it."""
    return path.with_name(f".{os.getpid()}-{socket.gethostname()}.{path.name}")


def sweep(path: Path) -> None:
    """Remove the drafts of `path`, files or folders, whose processes on this machine have ended."""
    for draft in path.parent.glob(f".*-{glob.escape(f'{socket.gethostname()}.{path.name}')}"):
        process = draft.name[1:].partition("-")[0]  # a name of another kind is no draft
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            shutil.rmtree(draft, ignore_errors=True)  # a folder
            with contextlib.suppress(OSError):
                draft.unlink()


def fingerprint(paths: Iterable[Path], *more: object) -> str:
    """Return a SHA-256 (hex) over paths, sizes and times of files, and over `more`, so that any change of them shows."""
    states = [str(each) for each in more]
    for path in paths:
        state = os.stat(path) if os.path.exists(path) else None  # a broken link, say: it will be refused
        states.append(f"{path} {state and (state.st_size, state.st_mtime_ns)}")
    return hashlib.sha256("\n".join(states).encode(errors="surrogateescape")).hexdigest()


def atomic_write(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) to `path` in one step."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def read_arrays(path: Path, names: Iterable[str], remedy: str) -> list[np.ndarray]:
    """Return the named arrays of a .npz file; one that is missing, broken or lacks a name is a CxrError that ends in `remedy`."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CxrError(f"{path} cannot be read ({error}); {remedy}.") from error


def mapped(path: Path) -> np.memmap:
    """Return a stored .npy file, memory-mapped for reading; one that is cut, foreign or holds objects is a CxrError."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CxrError(f"{path} cannot be read ({error}); delete it, and the same command makes it anew.") from error
