"""What installing the project would do to Colab: nothing that its kernel stands on is moved, and little comes new."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import SUPPORT
from packaging.utils import canonicalize_name

from cxr_helpers import paths

FREEZE = SUPPORT / "colab_freeze.txt"
KEPT = r"ipykernel|ipython|jupyter-client|jupyter-core|tornado|pyzmq|numpy|tensorflow|keras|jax.*|nvidia-.*"
MOST_NEW = 30


def versions(file: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^ ;\n]+)", file.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.fixture(scope="module")
def resolved(tmp_path_factory) -> dict[str, str]:
    """Return what the project's requirements come to on Python 3.13 where Colab's packages stay as far as they may."""
    if not (shutil.which("uv") or importlib.util.find_spec("uv")):
        pytest.skip("uv is not installed")
    uv = ["uv"] if shutil.which("uv") else [sys.executable, "-m", "uv"]
    out = shutil.copy(FREEZE, tmp_path_factory.mktemp("colab") / "resolved.txt")  # what an output file pins is preferred
    platform = ["--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28"]
    command = [*uv, "pip", "compile", "--quiet", "--no-annotate", *platform, "pyproject.toml", "--output-file", str(out)]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    if done.returncode and re.search("network|connect|dns|offline|fetch", done.stderr, re.IGNORECASE):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return versions(Path(out))


def test_nothing_that_the_kernel_or_the_accelerator_stands_on_is_moved(resolved):
    there = versions(FREEZE)
    assert sum(bool(re.fullmatch(KEPT, name)) for name in there) > 20
    moved = {name: (there[name], version) for name, version in resolved.items() if there.get(name, version) != version}
    assert not [name for name in moved if re.fullmatch(KEPT, name)], moved
    assert len(moved) <= 3, moved  # smart-open and packaging for Snakemake, scikit-learn for the folds


def test_little_is_new_and_no_second_notebook_or_test_runner_comes(resolved):
    new = set(resolved) - set(versions(FREEZE))
    assert len(new) <= MOST_NEW, sorted(new)
    assert not {"jupyterlab", "playwright", "openvino", "hypothesis"} & set(resolved)
