"""Execute a chapter with papermill: its source stays as it is, the executed notebook goes to the build folder."""

import ast
import os
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.workflow import chapter_files
from cxr_helpers.workflow.imports import PACKAGE

PROGRESS_SECONDS = 10
PATIENCE_SECONDS = 300  # with a kernel that starts, or that has said nothing yet: the machine may be busy
PROFILES = ("full", "smoke")


class ThisPython(AsyncKernelManager):
    """Start kernels with the Python that runs this process, whatever kernel specs the machine has."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """Return the kernel's command line, this package for it to import, and figures shown in the notebook."""
        search = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
        search = search.replace("$", "$$")  # Jupyter puts variables into what it is told to set
        variables = {"PYTHONPATH": search, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        return KernelSpec(**get_kernel_dict(extra_arguments=["--log-level=CRITICAL"]), env=variables)


def execute(chapter: str, profile: str) -> Path:
    """Execute a chapter ("05_mobilenet") for `profile` ("full" or "smoke") and return the executed notebook.

    Raises:
        CxrError: the profile is unknown, the chapter no notebook or without a parameter `profile`, or a cell fails; the
            sentence names the cell.
    """
    if profile not in PROFILES:
        raise CxrError(f"Profile {profile!r} is unknown: choose {' or '.join(PROFILES)}.")
    notebook = _read(chapter_files.source(chapter))
    parameters = _parameters_cell(notebook, chapter)
    _check_name("profile", notebook.cells[parameters].source, chapter)
    partial = chapter_files.partial(chapter, profile)
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = _run(notebook, chapter, profile, partial)
    except papermill.PapermillExecutionError as error:
        number = error.cell_index + (error.cell_index <= parameters)  # the cell that papermill injects does not count
        message = error.evalue.strip().partition("\n")[0]
        raise CxrError(
            f"Chapter {chapter}, cell {number} failed with {error.ename}: {message} (the traceback is in {partial})."
        ) from error
    except DeadKernelError as error:
        raise CxrError(f"Chapter {chapter} lost its kernel, most likely for want of memory; try --cores 1.") from error
    except RuntimeError as error:
        raise CxrError(f"Chapter {chapter} found no kernel ({error}); run it again.") from error
    target = chapter_files.executed(chapter, profile)
    atomic_write(target, nbformat.writes(result))
    partial.unlink()
    return target


def _run(notebook: NotebookNode, chapter: str, profile: str, partial: Path) -> NotebookNode:
    """Run the cells in a kernel of this Python; `partial` is written after each of them.

    A kernel that dies before its first answer is started once more: ports are chosen before it takes them, and another
    kernel that starts at the same moment may have taken one.
    """
    for last in (False, True):
        try:
            return papermill.execute_notebook(
                notebook,
                partial,
                {"profile": profile},
                kernel_name="python3",
                language="python",
                progress_bar=False,
                cwd=paths.NOTEBOOKS,
                start_timeout=PATIENCE_SECONDS,
                iopub_timeout=PATIENCE_SECONDS,
                kernel_manager_class=ThisPython,
                on_cell_start=_progress(chapter, len(notebook.cells)),
            )
        except RuntimeError as error:
            if last or isinstance(error, DeadKernelError):  # which is one, too
                raise


def _read(path: Path) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise CxrError(f"{path} is no notebook ({type(error).__name__}); restore it from git.") from error


def _parameters_cell(notebook: NotebookNode, chapter: str) -> int:
    """Return the index of the cell tagged `parameters`."""
    tagged = [index for index, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise CxrError(f"Chapter {chapter} has {len(tagged)} cells tagged `parameters`; it needs exactly one.")
    return tagged[0]


def _check_name(name: str, code: str, chapter: str) -> None:
    """Refuse a parameter that the tagged cell does not set; papermill would only warn and run without it."""
    targets = [target for node in ast.parse(code).body if isinstance(node, ast.Assign) for target in node.targets]
    known = [target.id for target in targets if isinstance(target, ast.Name)]
    if name not in known:
        said = ", ".join(known) or "none"
        raise CxrError(f"Chapter {chapter} has no parameter `{name}`; its cell tagged `parameters` sets {said}.")


def _progress(chapter: str, total: int) -> Callable[..., None]:
    """Return a hook that says every few seconds which cell is running."""
    last = time.monotonic()

    def _report(cell_index: int, **_: object) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS:
            last = time.monotonic()
            print(f"{chapter}: cell {cell_index} of {total}", flush=True)

    return _report
