"""The real commands in processes of their own: what they say, how they end, what memory they come to hold."""

import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from cxr_helpers import paths

only_long = pytest.mark.skipif(not os.environ.get("CXR_LONG"), reason="the long form: set CXR_LONG=1")
CXR = (sys.executable, "-P", "-m", "cxr_helpers")


@dataclasses.dataclass(frozen=True)
class Done:
    """How a command ended: `code` (negative: the signal), what it printed, and the most memory (MB) that it held."""

    code: int
    out: str
    err: str
    peak: float

    @property
    def last(self) -> str:
        """Return the last line on standard error, which is the one sentence of an expected error."""
        return self.err.strip().rpartition("\n")[2].rpartition("\r")[2]


def cxr(*arguments: object, root: Path = paths.ROOT, prefix: Sequence[str] = (), cwd: Path | None = None, **variables) -> Done:
    """Run `cxr` with the package in `root`; a variable that is None is taken away, `prefix` is put before the command."""
    return run([*prefix, *CXR, *map(str, arguments)], root, cwd, **variables)


def run(command: Sequence[object], root: Path = paths.ROOT, cwd: Path | None = None, seconds: int = 900, **variables) -> Done:
    """Run any command in the environment of the package in `root`; one that hangs is killed."""
    search = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    settings = os.environ | {"PYTHONPATH": search, "CXR_KEEP_ENV": "1", "CXR_PYTHON": sys.executable} | variables
    settings = {name: str(value) for name, value in settings.items() if value is not None}
    limited = ["timeout", "--kill-after=5", str(seconds), *map(str, command)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.NamedTemporaryFile() as peak:
        metered = [sys.executable, "-S", "-E", str(Path(__file__).with_name("peak.py")), peak.name, *limited]
        process = subprocess.run(metered, stdout=out, stderr=err, cwd=cwd, env=settings, check=False)
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode(errors="backslashreplace"))
        held = int(peak.read() or 0) / 1024
    return Done(process.returncode, *said, held)
