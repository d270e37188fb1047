"""The revision of the project's code, for records and title page."""

import subprocess

from cxr_helpers import paths


def current() -> str:
    """Return the short git revision, with "-dirty" where tracked files differ from it."""
    command = ["git", "-C", str(paths.ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not under version control"
