"""The commands of a copy of the checkout, killed at an event that a variable names, and run again."""

import os
import signal
from pathlib import Path

from checkouts import SUPPORT
from commands import Done, cxr

DYING = SUPPORT / "dying"


def here(root: Path, *arguments: object, **options: object) -> Done:
    """Run `cxr` in the copy, with its own build folder unless another is given."""
    return cxr(*arguments, root=root, **{"CXR_BUILD_DIR": root / "build", "CXR_DATA_DIR": None, "CXR_PROFILE": "smoke"} | options)


def died(done: Done) -> bool:
    return done.code in (-signal.SIGKILL, 128 + signal.SIGKILL)


def kill(root: Path, at: str, *arguments: object, **options: object) -> None:
    """Run a command that is killed at an event, and check that it was."""
    search = os.pathsep.join(filter(None, [str(DYING), str(root), os.environ.get("PYTHONPATH")]))
    assert died(here(root, *arguments, **options, CXR_DIE=at, PYTHONPATH=search))


def kill_and_repeat(root: Path, at: str, *arguments: object, **options: object) -> Done:
    """Run a command that is killed at an event, and run it again."""
    kill(root, at, *arguments, **options)
    return here(root, *arguments, **options)
