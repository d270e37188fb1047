"""Write files so that a reader sees the old one or the whole new one, never a part."""

import contextlib
import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from cxr_helpers.errors import CxrError


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffixes); on success it replaces `path`, on error it is removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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


def renew(folders: Iterable[Path], write: Callable[[Path], None], sources: Iterable[str]) -> None:
    """Have folders that lie side by side written unless they are there, written by the code files `sources` as they are now.

    `write(draft)` makes them, by their names, below another folder; they replace the old ones only when all is written.
    What they were written by stands beside the first, in a text file of its name.
    """
    folders = list(folders)
    stamp = folders[0].with_name(f"{folders[0].name}.txt")
    version = hashlib.sha256(b"".join(Path(source).read_bytes() for source in sources)).hexdigest()

    def up_to_date() -> bool:
        return all(folder.is_dir() for folder in folders) and stamp.exists() and stamp.read_text() == version

    if up_to_date():
        return
    draft = stamp.with_name(f".{os.getpid()}.{stamp.stem}")
    write(draft)
    if not up_to_date():  # another process may have been faster; what it already reads stays where it is
        for folder in reversed(folders):
            shutil.rmtree(folder, ignore_errors=True)
            (draft / folder.name).replace(folder)
        atomic_write(stamp, version)
    shutil.rmtree(draft, ignore_errors=True)
