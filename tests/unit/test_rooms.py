"""The order of rooms: imports only go downwards, none is circular, and the core never imports the extras."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxr_helpers import paths

PACKAGE = paths.ROOT / "cxr_helpers"
# From the ground up. A room may import from itself and from what stands before it.
ROOMS = (
    *("errors", "paths", "base", "config", "experiments", "data", "models", "evaluation", "records", "training", "tables"),
    *("explain", "plots", "workflow", "report", "cli", "__main__"),
)
# The upper floor, on top of all of these.
EXTRAS = (
    *("statistics", "networks", "other_sets", "makers", "inference", "saliency", "benchmarks", "tables", "report"),
    *("image_commands", "commands"),
)
ORDER = (*ROOMS, *(f"extras.{room}" for room in EXTRAS))
LIMITS = {"core": 6_500, "whole": 17_000}  # lines


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(module: str) -> str:
    """Return the room of a module, given from the package on ("training.fitting" -> "training")."""
    first, *rest = module.split(".")
    return f"extras.{rest[0]}" if first == "extras" and rest else first


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    """Yield what a file imports of the package, statements and `lazy.module` alike, from the package on."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE.name:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy.module":
            names = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        else:
            continue
        for name in names:
            if name.startswith(f"{PACKAGE.name}."):
                yield module_of(name.removeprefix(f"{PACKAGE.name}."))


def module_of(name: str) -> str:
    """Return the module that holds a dotted name, which may be a module itself or something in one."""
    path = PACKAGE.joinpath(*name.split("."))
    if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
        return name
    return name.rpartition(".")[0]


def test_every_file_lies_in_a_room():
    known = {*ORDER, "", "extras", "__init__"}
    assert {room(dotted(path)) for path in files()} <= known


@pytest.mark.parametrize("path", files(), ids=dotted)
def test_imports_go_downwards(path):
    here = room(dotted(path))
    upwards = [name for name in imported(path) if here in ORDER and room(name) in ORDER[ORDER.index(here) + 1 :]]
    assert not upwards, f"{dotted(path)} imports from a later room: {', '.join(upwards)}"


def test_no_import_is_circular():
    arrows = {dotted(path): {name for name in imported(path) if name != dotted(path)} for path in files()}
    arrows = {name: {other for other in targets if other in arrows} for name, targets in arrows.items()}
    while leaves := [name for name, targets in arrows.items() if not targets]:
        for name in leaves:
            del arrows[name]
        arrows = {name: targets - set(leaves) for name, targets in arrows.items()}
    assert not arrows, f"in circles: {', '.join(sorted(arrows))}"


def test_no_import_hides_in_a_function():
    hidden = [
        f"{dotted(path)}: {ast.unparse(statement)}"
        for path in files()
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in ast.walk(function)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    assert not hidden, "\n".join(hidden)


def test_no_file_name_twice():
    names = [path.name for path in files() if path.name != "__init__.py"]
    assert not {name for name in names if names.count(name) > 1}


def test_both_floors_stay_small():
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in files()}
    core = sum(count for path, count in lines.items() if not path.is_relative_to(PACKAGE / "extras"))
    assert core <= LIMITS["core"] and sum(lines.values()) <= LIMITS["whole"]
