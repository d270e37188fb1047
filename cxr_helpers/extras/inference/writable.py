"""Whether a file can be made in a place, asked before long work starts."""

import os
from pathlib import Path

from cxr_helpers.base.files import draft_of
from cxr_helpers.errors import CxrError


def check_file(path: Path) -> None:
    """Raise a CxrError, before long work starts, where no file can be made at `path` (a folder, or below a file)."""
    if os.path.isdir(path):
        raise CxrError(f"{path} is a folder; name a file in it.")
    check_folder(path.parent, draft_of(path).name)


def check_folder(path: Path, file: str = "image") -> None:
    """Raise a CxrError, before long work starts, where no `file` can be made in a folder `path` (a file, or below one)."""
    try:
        os.lstat(path / file)
    except FileNotFoundError:  # as it should be, or the way to it is still to be made
        return
    except OSError as error:
        raise CxrError(f"{path} cannot be written ({error.strerror}); name another place.") from error
