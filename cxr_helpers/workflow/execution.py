"""Execute a chapter with papermill: its source stays as it is, the executed notebook goes to the build folder."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import nbformat
import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.config import one_of
from cxr_helpers.errors import CxrError
from cxr_helpers.workflow import chapter_files

PACKAGE = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 300  # with a kernel that starts, or that has said nothing yet: the machine may be busy


class ThisPython(AsyncKernelManager):
    """Start kernels with the Python that runs this process, whatever kernel specs the machine has."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """Return the kernel's command line, this package for it to import, and figures shown in the notebook."""
        search = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
        search = search.replace("$", "$$")  # Jupyter puts variables into what it is told to set
        variables = {"PYTHONPATH": search, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        return KernelSpec(**get_kernel_dict(extra_arguments=["--log-level=CRITICAL"]), env=variables)


def execute(chapter: str, profile: str, parameters: Mapping[str, object] = MappingProxyType({})) -> Path:
    """Execute a chapter ("05_mobilenet") for `profile` ("full" or "smoke") and return the executed notebook.

    As it is written, it is part of the report. With other `parameters` (name -> value) it goes to the folder `scratch` of the
    build folder. An unknown profile or parameter, a file that is no notebook, or a failing cell, which is named, is a CxrError.
    """
    given = {**parameters, "profile": one_of("profile", profile, ("full", "smoke"))}
    source = chapter_files.source(chapter)
    try:
        notebook, known = nbformat.read(source, as_version=4), papermill.inspect_notebook(str(source))
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise CxrError(f"{source} cannot be used ({type(error).__name__}); restore it from git.") from error
    if unknown := [name for name in given if name not in known]:  # papermill would only warn, and run without it
        said = ", ".join(known) or "none"
        raise CxrError(f"Chapter {chapter} has no parameter `{unknown[0]}`; its cell tagged `parameters` sets {said}.")
    target = chapter_files.executed(chapter, profile, scratch=bool(parameters))
    partial = target.with_suffix(".partial.ipynb")  # stays, with its traceback, if a cell fails
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = _run(notebook, chapter, given, partial)
    except papermill.PapermillExecutionError as error:
        injected = [index for index, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
        number = error.cell_index + (error.cell_index <= injected[0])  # the cell that papermill injects does not count
        why = f"{error.ename}: {error.evalue.strip().partition(chr(10))[0]} (the traceback is in {partial})"
        raise CxrError(f"Chapter {chapter}, cell {number} failed with {why}.") from error
    except DeadKernelError as error:
        raise CxrError(f"Chapter {chapter} lost its kernel, most likely for want of memory; try --cores 1.") from error
    except RuntimeError as error:
        raise CxrError(f"Chapter {chapter} found no kernel ({error}); run it again.") from error
    atomic_write(target, nbformat.writes(result))
    partial.unlink()
    return target


def _run(notebook: NotebookNode, chapter: str, parameters: dict[str, object], partial: Path) -> NotebookNode:
    """Run the cells in a kernel of this Python; `partial` is written after each of them.

    A kernel that dies before its first answer is started once more: ports are chosen before it takes them, and another
    kernel that starts at the same moment may have taken one.
    """
    for last in (False, True):
        try:
            return papermill.execute_notebook(
                notebook,
                partial,
                parameters,
                kernel_name="python3",
                language="python",
                progress_bar={"desc": chapter, "mininterval": 10},  # seconds
                cwd=paths.NOTEBOOKS,
                start_timeout=PATIENCE_SECONDS,
                iopub_timeout=PATIENCE_SECONDS,
                kernel_manager_class=ThisPython,
            )
        except RuntimeError as error:
            if last or isinstance(error, DeadKernelError):  # which is one, too
                raise
