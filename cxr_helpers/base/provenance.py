"""Which stored results a figure, table or sentence comes from: noted by their readers while a cell of a notebook runs.

What a cell shows comes from what was read while it ran, and from what stands behind the variables that it loads: those of
the cells that set them. Outside a notebook everything that was read counts.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from cxr_helpers import paths
from cxr_helpers.base import lazy

ipython = lazy.module("IPython")

_noted: set[Path] = set()  # while the present cell runs
_behind: dict[str, set[Path]] = {}  # variable -> what it was computed from


def note(path: Path) -> None:
    """Say that the stored result at `path` is being read; a record is noted by its run.json, which has its files' hashes."""
    _noted.add(Path(path))


def sources() -> dict[str, str]:
    """Return what stands behind the present cell: path from the project's root (else as it is) -> SHA-256 (hex), sorted."""
    there = sorted(path for path in _noted if path.is_file())
    inside = {path: path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path for path in there}
    return {name.as_posix(): digest(path) for path, name in inside.items()}


def digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def watch() -> None:
    """Have the notebook's kernel, where there is one, tell which cell runs; `report.document` calls it once.

    The cell in which that happens has begun already; what it read until then counts for it.
    """
    if (shell := ipython.get_ipython()) and _begin not in shell.events.callbacks["pre_run_cell"]:
        shell.events.register("pre_run_cell", _begin)
        shell.events.register("post_run_cell", _end)


def _begin(info: object) -> None:
    _noted.clear()
    for name in _names(_tree(info.raw_cell), ast.Load):
        _noted.update(_behind.get(name, ()))


def _end(result: object) -> None:
    for name in _changed(_tree(result.info.raw_cell)):
        _behind[name] = set(_noted)


def _tree(source: str) -> ast.AST:
    try:
        return ast.parse(ipython.get_ipython().transform_cell(source))
    except SyntaxError:  # the kernel says so itself
        return ast.Module([], [])


def _names(tree: ast.AST, context: type) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, context))


def _changed(tree: ast.AST) -> set[str]:
    """Return the variables that a cell sets or defines, wholly or in part (`frame["x"] = 1`, `rows.append(1)`)."""
    found = {*_names(tree, ast.Store)}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Subscript(value=value, ctx=ast.Store()) | ast.Attribute(value=value, ctx=ast.Store()):
                found.update(_names(value, ast.Load))
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=value))):
                found.update(_names(value, ast.Load))
    variables = ipython.get_ipython().user_ns
    return {name for name in found if not isinstance(variables.get(name), ModuleType)}
