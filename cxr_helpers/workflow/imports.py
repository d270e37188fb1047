"""Which files of the package a chapter or module reaches through its imports, so that only they make it out of date."""

import ast
import importlib.util
import json
from pathlib import Path

from cxr_helpers.errors import CxrError

PACKAGE = Path(__file__).resolve().parent.parent


def reached(start: Path) -> list[Path]:
    """Return the package's files that `start` (a notebook or a module of the package) imports, directly or not.

    A table of the same name beside a module (experiments.toml) counts as part of it.

    Raises:
        CxrError: a file is no valid Python or no notebook.
    """
    found: set[Path] = set()
    todo = [start]
    while todo:
        new = _imported(todo.pop()) - found
        found |= new
        todo += new
    tables = {path.with_suffix(".toml") for path in found}
    return sorted(found | {path for path in tables if path.is_file()})


def _imported(path: Path) -> set[Path]:
    try:
        tree = ast.parse(_code(path))
    except (SyntaxError, ValueError, KeyError) as error:
        raise CxrError(f"{path} cannot be read as Python ({error}); mend it or restore it from git.") from error
    package = ".".join((PACKAGE.name, *path.parent.relative_to(PACKAGE).parts)) if path.is_relative_to(PACKAGE) else ""
    files = {_file(name) for node in ast.walk(tree) for name in _names(node, package)}
    return files - {None}


def _code(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")


def _names(node: ast.AST, package: str) -> list[str]:
    """Return the absolute names that an import statement may mean; `from a import b` is a, and perhaps a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        return [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return []


def _file(name: str) -> Path | None:
    """Return the file of a module of this package, None for any other name."""
    top, *rest = name.split(".")
    if top != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*rest)
    candidates = (path.with_name(f"{path.name}.py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)
