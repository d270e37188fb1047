"""The lowest versions that pyproject.toml allows: requirements.lowest.txt is made of them, and the tests pass on them."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from commands import only_long
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from cxr_helpers import paths

pytestmark = pytest.mark.lowest
LOWEST = paths.ROOT / "requirements.lowest.txt"
OUTCOME = paths.ROOT / "tests" / "outcomes" / "lowest.txt"


def bounds() -> dict[str, Version]:
    """Return the lower bound of every package that running and testing need: name → version."""
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
    wanted = map(Requirement, project["dependencies"] + project["optional-dependencies"]["test"])
    known = [one for one in wanted if one.name != project["name"]]
    least = {one.name: [part.version for part in one.specifier if part.operator == ">="] for one in known}
    return {canonicalize_name(name): Version(version) for name, (version,) in least.items()}


def pinned() -> dict[str, Version]:
    lines = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.+]+)", LOWEST.read_text(), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in lines}


def test_the_list_holds_the_lower_bounds():
    found = pinned()
    assert len(found) > len(bounds()) > 30
    for name, least in bounds().items():
        # 2.2 and 2.2.0 are one version; a bound that was never published gives the next one that was
        assert found[name] >= least and found[name].release[:2] == (*least.release, 0)[:2], name


@only_long
def test_the_suite_passes_on_the_lowest_versions(tmp_path):
    """Sets up an environment of these versions and runs in it what needs no report; the outcome is written down."""
    if not (shutil.which("uv") or importlib.util.find_spec("uv")):
        pytest.skip("uv is not installed")
    uv = ["uv"] if shutil.which("uv") else [sys.executable, "-m", "uv"]
    python = tmp_path / "lowest" / "bin" / "python"
    subprocess.run([*uv, "venv", "--python", "3.11", tmp_path / "lowest"], check=True)
    subprocess.run([*uv, "pip", "install", "--python", python, "-r", LOWEST], check=True)
    command = [python, "-P", "-m", "pytest", "-q", "-n", "2", "-m", "not report and not notebooks and not lowest"]
    done = subprocess.run(command, cwd=paths.ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
    summary = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR")) or " passed" in line]
    OUTCOME.write_text("CXR_LONG=1 cxr test tests/test_lowest.py -m lowest\n" + "\n".join(summary) + "\n")
    assert done.returncode == 0, "\n".join(summary)


def environment() -> dict[str, str]:
    """Return the environment in which the tests are not the long ones and the package is the checkout's."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CXR_LONG", "VIRTUAL_ENV")}
    return kept | {"PYTHONPATH": str(paths.ROOT)}
