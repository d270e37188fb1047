"""From which stored results each figure, table and sentence of a chapter is computed, read from the chapter's source.

A name carries what flowed into the statement that set it; `READS` tells what functions of the package read by themselves.
"""

import ast
import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from cxr_helpers import paths
from cxr_helpers.extras.benchmarks import comparisons, measurements
from cxr_helpers.extras.tables import benchmark_tables
from cxr_helpers.workflow import chapter_files

RUNS = "runs"  # flows from whatever reads run records


@dataclasses.dataclass(frozen=True)
class Stored:
    """A stored result that is no run record: its file, below the reports' folder, and the command that makes it ("": typed)."""

    file: str
    command: str = ""

    def path(self, profile: str) -> Path:
        """Return where it lies; what was typed lies beside the real report."""
        return paths.reports(profile if self.command else "full") / self.file

    def digest(self, profile: str) -> str:
        """Return the SHA-256 (hex) of the file."""
        return hashlib.sha256(self.path(profile).read_bytes()).hexdigest()


STORED = {
    **{name: Stored(f"measurements/{name}.csv", f"cxr measure {name}") for name in measurements.NAMES},
    **{name: Stored(f"benchmarks/{name}.json", f"cxr bench {name}") for name in comparisons.NAMES},
    **{f"{kind}_trials": Stored(f"search/{kind}.csv", f"cxr search search_{kind}") for kind in ("grid", "random")},
    "explanation_measures": Stored("tables/explanation_measures.csv", "cxr measure-maps"),
    "deployed": Stored("models/deployed.json", "cxr deploy"),
    "reported": Stored("reported.toml"),
    **{name: Stored(f"{name}.csv") for name in ("published", "published_explanations", "published_external", "future_work")},
    **{name: Stored(f"checklists/{name}.toml") for name in ("claim_2024", "tripod_ai")},
    "beside_others": Stored("checklists/beside_others.csv"),
    "model_card": Stored("models/default.md", "cxr publish"),
}
READS = {
    "accelerator_tables.figures": ("accelerator",),
    "accelerator_tables.runs": (RUNS,),
    "artefact.card": ("deployed",),
    "candidates.systems": (RUNS,),
    "comparison.table": ("reported", "speed", "complexity"),
    "comparison_tables.EXTRACTED": benchmark_tables.EXTRACTED,
    "comparison_tables.TRAINED": benchmark_tables.TRAINED,
    "comparison_tables.another_head_sentence": (benchmark_tables.LARGE_HEAD,),
    "comparison_tables.compared": comparisons.NAMES,
    "comparison_tables.extraction": benchmark_tables.EXTRACTED,
    "comparison_tables.training": benchmark_tables.TRAINED,
    "comparison_tables.views_sentence": (benchmark_tables.ONE_VIEW,),
    "deployment_tables.goals": ("deploy_latency",),
    "deployment_tables.reading": ("deploy_latency",),
    "explanation_tables.load": ("explanation_measures",),
    "final_model.beside_published": ("published",),
    "final_model.beside_published_external": ("published_external",),
    "measuring.about": ("explanation_measures",),
    "measuring.load_or_measure": ("explanation_measures",),
    "trials.load": ("grid_trials", "random_trials"),
}
# Appendices whose table has the name of its source.
APPENDICES = ("reproducibility", "claim_2024", "tripod_ai", "beside_others", "model_card")
_NAMED = ("measurements.", "deployment_tables.measured")  # what reads the measurement that is named beside it
_WHOLE = {stored.command or Path(stored.file).name: name for name, stored in STORED.items()}  # literals that need no such reader


def behind(chapter: str, cell: str, label: str, profile: str) -> tuple[list[str], bool]:
    """Return which of `STORED` a figure or table (or else a cell) is computed from, and whether it is from run records, too."""
    path = chapter_files.source(chapter)
    flows = _flows(path.read_text(encoding="utf-8")) if path.is_file() else {_label(name): {name} for name in APPENDICES}
    found = flows.get(label, flows.get(cell, {RUNS}))
    return [name for name, stored in STORED.items() if name in found and stored.path(profile).is_file()], RUNS in found


def anchor(name: str) -> str:
    """Return the identifier of a stored result in the appendix."""
    return f"stored-{name}"


def _label(name: str) -> str:
    return f"tbl:{name.replace('_', '-')}"


@functools.lru_cache(maxsize=32)
def _flows(source: str) -> dict[str, set[str]]:
    """Return what flows into each cell (by its number, from 1) and into what is shown under a label."""
    cells = [(str(number), cell) for number, cell in enumerate(json.loads(source)["cells"], 1) if cell["cell_type"] == "code"]
    aliases, carried, flows = {}, {}, {}
    for number, cell in cells:
        for statement in _statements(ast.parse("".join(cell["source"]))):
            if isinstance(statement, ast.ImportFrom):
                aliases |= {alias.asname or alias.name: alias.name for alias in statement.names}
            nodes = list(_expressions(statement))
            found = _read(nodes, aliases, carried)
            if isinstance(statement, ast.AugAssign):
                found = found.union(*(carried.get(name, set()) for name in _set(statement, nodes)))
            parts = [(names, found if own is nodes else _read(own, aliases, carried)) for names, own in _parts(statement, nodes)]
            carried |= {name: flow for names, flow in parts for name in names}
            for key in (number, *(text for text in _literals(nodes) if text.startswith(("fig:", "tbl:")))):
                flows[key] = flows.get(key, set()) | found
    return flows


def _statements(block: ast.AST) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(block):
        if isinstance(child, ast.stmt):
            yield child
            yield from _statements(child)


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement without the statements inside it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt):
            yield from ast.walk(child)


def _parts(statement: ast.stmt, nodes: list[ast.AST]) -> list[tuple[set[str], list[ast.AST]]]:
    """Return the names that a statement sets, with the nodes of what they are set to: of `a, b = x, y` two parts."""
    match statement:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(values):
            pieces = [[*ast.walk(value)] for value in values]
        case ast.Assign(
            targets=[ast.Tuple(elts=targets)],
            value=ast.GeneratorExp(elt=each, generators=[ast.comprehension(iter=ast.Tuple(elts=values)) as loop]),
        ) if len(targets) == len(values):
            pieces = [[*ast.walk(each), *ast.walk(value), loop] for value in values]
        case _:
            return [(_set(statement, nodes), nodes)]
    return [(_names([target]), piece) for target, piece in zip(targets, pieces, strict=True)]


def _read(nodes: list[ast.AST], aliases: dict[str, str], carried: dict[str, set[str]]) -> set[str]:
    """Return what flows from a statement's expressions: what they read themselves, and what the names in them carry."""
    local = [name.id for node in nodes if isinstance(node, ast.comprehension) for name in ast.walk(node.target) if _is_name(name)]
    names = {node.id for node in nodes if _is_name(node) and isinstance(node.ctx, ast.Load)}.difference(local)
    found = set().union(*(carried.get(name, set()) for name in names))
    dotted = [
        f"{aliases.get(node.value.id, node.value.id)}.{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute) and _is_name(node.value)
    ]
    literals = _literals(nodes)
    found |= {name for call in dotted for name in READS.get(call, ())} | {_WHOLE[text] for text in literals if text in _WHOLE}
    if any(call.startswith(("records.", "experiments.")) for call in dotted):
        found |= {RUNS}
    if any(call.startswith(_NAMED) for call in dotted):
        found |= {text for text in literals if text in measurements.NAMES}
    return found


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


def _literals(nodes: list[ast.AST]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _set(statement: ast.stmt, nodes: list[ast.AST]) -> set[str]:
    """Return the names that a statement sets; of `gaps[name] = ...` both count."""
    targets = [target for node in (statement, *nodes) if not isinstance(node, ast.comprehension) for target in _targets(node)]
    return _names(targets)


def _names(targets: list[ast.expr]) -> set[str]:
    return {name.id for target in targets for name in ast.walk(target) if _is_name(name)}


def _targets(node: ast.AST) -> list[ast.expr]:
    return getattr(node, "targets", []) or ([node.target] if hasattr(node, "target") else [])
