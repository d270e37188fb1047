"""Whether a file can be made in a place, and whether something is there already: asked before long work starts."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cxr_helpers.base.files import draft_of
from cxr_helpers.base.progress import printable
from cxr_helpers.errors import CxrError

_PROBE = 100_000  # bytes that must fit


def check_file(path: Path, overwrite: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Raise a CxrError, before long work starts, where no file can be made at `path` (a folder, or below a file).

    What is there is written over with `overwrite` only, and one of the `inputs` never.
    """
    shown = printable(path)
    if os.path.isdir(path):
        raise CxrError(f"{shown} is a folder; name a file in it.")
    if os.path.exists(path):
        if any(os.path.exists(each) and os.path.samefile(path, each) for each in inputs):
            raise CxrError(f"{shown} is what is read; name another file for the result.")
        if not overwrite:
            raise CxrError(f"{shown} is there already; name another file, or add --overwrite.")
    check_folder(path.parent, draft_of(path).name)


def check_folder(path: Path, file: str = "image") -> None:
    """Raise a CxrError, before long work starts, where no `file` can be made in a folder `path` (a file, or below one)."""
    try:
        os.lstat(path / file)
    except FileNotFoundError:  # as it should be, or the way to it is still to be made
        pass
    except OSError as error:
        raise CxrError(f"{printable(path)} cannot be written ({error.strerror}); name another place.") from error
    nearest = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(bytes(_PROBE))
    except OSError as error:
        raise CxrError(f"{printable(nearest)} cannot be written ({error.strerror}); name another place.") from error
