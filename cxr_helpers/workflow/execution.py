"""Execute a chapter with papermill: its source stays as it is, the executed notebook goes to the build folder."""

import os
import time
from collections.abc import Callable, Mapping
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
from cxr_helpers.errors import CxrError
from cxr_helpers.workflow import chapter_files

PACKAGE = Path(__file__).resolve().parent.parent
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


def execute(chapter: str, profile: str, parameters: Mapping[str, object] = MappingProxyType({})) -> Path:
    """Execute a chapter ("05_mobilenet") for `profile` ("full" or "smoke") and return the executed notebook.

    As it is written, it is part of the report. With other `parameters` (name -> value) it goes to the folder `scratch` of the
    build folder, and nothing of the report changes.

    Raises:
        CxrError: the profile or a parameter is unknown, the chapter is no notebook, or a cell fails; the sentence names the cell.
    """
    if profile not in PROFILES:
        raise CxrError(f"Profile {profile!r} is unknown: choose {' or '.join(PROFILES)}.")
    notebook = _read(chapter_files.source(chapter))
    given = {**parameters, "profile": profile}
    _check_names(given, chapter)
    partial = chapter_files.partial(chapter, profile, scratch=bool(parameters))
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = _run(notebook, chapter, given, partial)
    except papermill.PapermillExecutionError as error:
        injected = [index for index, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
        number = error.cell_index + (error.cell_index <= injected[0])  # the cell that papermill injects does not count
        message = error.evalue.strip().partition("\n")[0]
        raise CxrError(
            f"Chapter {chapter}, cell {number} failed with {error.ename}: {message} (the traceback is in {partial})."
        ) from error
    except DeadKernelError as error:
        raise CxrError(f"Chapter {chapter} lost its kernel, most likely for want of memory; try --cores 1.") from error
    except RuntimeError as error:
        raise CxrError(f"Chapter {chapter} found no kernel ({error}); run it again.") from error
    target = chapter_files.executed(chapter, profile, scratch=bool(parameters))
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


def _check_names(names: Mapping[str, object], chapter: str) -> None:
    """Refuse a parameter that the cell tagged `parameters` does not set; papermill would only warn and run without it."""
    try:
        known = papermill.inspect_notebook(str(chapter_files.source(chapter)))
    except ValueError as error:
        raise CxrError(f"{chapter_files.source(chapter)} cannot be used ({error}); restore it from git.") from error
    unknown = [name for name in names if name not in known]
    if unknown:
        said = ", ".join(known) or "none"
        raise CxrError(f"Chapter {chapter} has no parameter `{unknown[0]}`; its cell tagged `parameters` sets {said}.")


def _progress(chapter: str, total: int) -> Callable[..., None]:
    """Return a hook that says every few seconds which cell is running."""
    last = time.monotonic()

    def _report(cell_index: int, **_: object) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS:
            last = time.monotonic()
            print(f"{chapter}: cell {cell_index} of {total}", flush=True)

    return _report
