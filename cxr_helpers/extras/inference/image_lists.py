"""The images that a command line names: files, folders, patterns and lists, in the same order as often as they are asked for."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cxr_helpers.errors import CxrError

SUFFIXES = (".jpg", ".jpeg", ".png", ".dcm", ".dicom", "")  # of what is taken from a folder; DICOM files often have none


class Files:
    """The files of `sources`, then those of a list, as often as asked for and in the same order.

    A source is a file, a folder (all its images, at any depth, by name) or a pattern such as "images/*/*.jpeg" where no
    file has that name. `listed` is a text file (UTF-8) with one path a line, as seen from the working folder. A file that
    is named and does not exist is one of the files: its row says so.

    Raises:
        CxrError: when iterated, where the list cannot be read, or is no regular file.
    """

    def __init__(self, sources: Iterable[Path], listed: Path | None = None) -> None:
        self.sources, self.listed = list(map(Path, sources)), listed

    def __iter__(self) -> Iterator[Path]:
        for source in self.sources:
            if source.is_dir():
                yield from _below(source)
            elif _is_pattern(source):
                yield from (Path(path) for path in sorted(glob.iglob(str(source), recursive=True)) if os.path.isfile(path))
            else:
                yield source
        if self.listed:
            yield from _lines(self.listed)

    @property
    def many(self) -> bool:
        """Whether more is named than single files."""
        return self.listed is not None or any(source.is_dir() or _is_pattern(source) for source in self.sources)


def _is_pattern(source: Path) -> bool:
    return glob.has_magic(str(source)) and not source.exists()


def _below(folder: Path) -> Iterator[Path]:
    unread: list[Path] = []
    for place, below, names in os.walk(folder, onerror=lambda error: unread.append(Path(error.filename))):
        below.sort()
        images = (name for name in sorted(names) if os.path.splitext(name)[1].lower() in SUFFIXES)
        yield from (Path(place, name) for name in images if not name.startswith("."))
    yield from unread  # a folder that may not be looked into has a row that says so


def _lines(listed: Path) -> Iterator[Path]:
    if os.path.exists(listed) and not os.path.isfile(listed):  # a pipe is empty when it is read again
        raise CxrError(f"{listed} is no file that can be read twice; save the list, one path a line, and give that.")
    try:
        with open(listed, encoding="utf-8", errors="surrogateescape") as lines:
            yield from (Path(line.rstrip("\r\n")) for line in lines if line.strip())
    except OSError as error:
        raise CxrError(f"{listed} cannot be read ({error.strerror}); give a file of one path a line.") from error
