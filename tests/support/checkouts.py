"""Copies of the checkout to run in: the package and the workflow as they are, with chapters of a few lines."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

from cxr_helpers import paths

LOCKS = ("requirements.lock.txt", "requirements.test.lock.txt", "requirements.uv.txt")
PARTS = ("run_all.sh", "Snakefile", "pyproject.toml", *LOCKS, "CITATION.cff", "cxr_helpers")
SUPPORT = Path(__file__).parent
REPORT_PARTS = ("reports/template", "reports/front_matter.md", "reports/references.bib")


# For the experiments.toml of a copy: one system of two runs.
ALPHA = """
[alpha]
title = "Alpha"
chapter = "02_alpha"
seeds = [0, 1]
config = { model = "custom_cnn" }
"""


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Let one process of a test run at a time do what is within; the others wait."""
    path = paths.ROOT / "build" / f"tests-{name}.lock"
    path.parent.mkdir(exist_ok=True)
    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run_all(*arguments: str, root: Path = paths.ROOT, **variables: str) -> subprocess.CompletedProcess:
    """Run `run_all.sh` of a checkout with the present Python and return its status and what it printed."""
    own = {"CXR_KEEP_ENV": "1", "CXR_PYTHON": sys.executable, "PYTHONPATH": str(root), **variables}
    command = [str(root / "run_all.sh"), *arguments]
    return subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)


def copy(target: Path, parts: tuple[str, ...] = PARTS + REPORT_PARTS) -> Path:
    """Copy `parts` of this checkout to `target` and return it."""
    for part in parts:
        source, destination = paths.ROOT / part, target / part
        destination.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, destination)
    return target


def write_chapter(folder: Path, name: str, *code: str, parameters: str = 'profile = "auto"', reads: tuple[str, ...] = ()) -> Path:
    """Write a chapter of a title, a cell tagged `parameters` and the given code cells, which says what it `reads`."""
    tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    cells = [nbformat.v4.new_markdown_cell(f"# {name}"), tagged, *map(nbformat.v4.new_code_cell, code)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "cxr": {"reads": list(reads)}})
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"
