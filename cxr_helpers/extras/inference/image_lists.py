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
            yield from _expanded(source)
        if self.listed:
            if os.path.exists(self.listed) and not os.path.isfile(self.listed):  # a pipe is empty when it is read again
                raise CxrError(f"{self.listed} is no file that can be read twice; save the list, one path a line, and give that.")
            try:
                with open(self.listed, encoding="utf-8", errors="surrogateescape") as lines:
                    yield from (Path(line.rstrip("\r\n")) for line in lines if line.strip())
            except OSError as error:
                raise CxrError(f"{self.listed} cannot be read ({error.strerror}); give a file of one path a line.") from error

    @property
    def many(self) -> bool:
        """Whether more is named than single files."""
        return self.listed is not None or any(_is_several(source) for source in self.sources)


def _is_several(source: Path) -> bool:
    return source.is_dir() or (glob.has_magic(str(source)) and not source.exists())


def _expanded(source: Path) -> Iterator[Path]:
    if source.is_dir():
        unread: list[Path] = []
        for folder, below, names in os.walk(source, onerror=lambda error: unread.append(Path(error.filename))):
            below.sort()
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith(".") and _is_image_name(name))
        yield from unread  # a folder that may not be looked into has a row that says so
    elif _is_several(source):
        yield from (Path(path) for path in sorted(glob.iglob(str(source), recursive=True)) if os.path.isfile(path))
    else:
        yield source


def _is_image_name(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES
