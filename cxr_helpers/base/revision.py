"""The revision of the project's code, for records and title page."""

import os
import subprocess

from cxr_helpers import paths


def current() -> str:
    """Return the short git revision, with "-dirty" where tracked files other than the results in `reports/` differ from it.

    In a copy without version control it is what CXR_REVISION says.
    """
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":!reports")
        return _git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("CXR_REVISION", "not under version control")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(paths.ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
