"""What stands behind a place of the report: the cell that computed it, the run records and other stored results it came from."""

import dataclasses
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from pandocfilters import Code, Div, Link, Para, Space, Str, stringify

from cxr_helpers import experiments, paths, records
from cxr_helpers.errors import CxrError
from cxr_helpers.experiments import Experiment
from cxr_helpers.report import data_flow, floats
from cxr_helpers.report.syntax_tree import Cell, Node, Part, transform
from cxr_helpers.workflow import chapter_files

MANY = 6  # systems or files; a note that would name more counts them
APPENDIX = "ch:run_records"
WORD = re.compile(r"[\w+]+")
RUN = re.compile(r"\b[a-z]\w*-\w+-s\d+-[0-9a-f]{8}\b")


def recorded(profile: str) -> dict[str, Experiment]:
    """Return the systems that have run records, by name; their `configs` are those of the runs that answer for them."""
    ways = {name: (system, records.recorded_way(system, profile)) for name, system in experiments.load(profile).items()}
    return {name: dataclasses.replace(system, configs=way, fallback=()) for name, (system, way) in ways.items() if way}


def of_chapter(chapter: str, systems: dict[str, Experiment]) -> list[str]:
    """Return those of `systems` that a chapter reports: its own and those it names; one that loads all systems, all."""
    path = chapter_files.source(chapter)
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    own = {name for name, system in systems.items() if system.chapter == chapter}
    if not own and "experiments.load(" in source:
        return list(systems)
    return [name for name in systems if name in own or f'\\"{name}\\"' in source]


def named(texts: Iterable[str], systems: Collection[str]) -> list[str]:
    """Return those of `systems` whose names stand in `texts` as whole words, in the order of `systems`."""
    words = {word for text in texts for word in WORD.findall(text)}
    return [name for name in systems if name in words]


def check_runs(parts: list[Part], profile: str) -> None:
    """Refuse a report that shows a run whose record is not there (any more): nothing would be behind its numbers.

    Raises:
        CxrError: there is one; the sentence names the cell that shows it.
    """
    there = {path.parent.name for path in paths.runs(profile).glob("*/run.json")}
    for cell in (cell for part in parts for cell in part.cells):
        missing = [run for block in cell.blocks for run in RUN.findall(_everything(block)) if run not in there]
        if missing:
            raise CxrError(
                f"The report is not rendered: {cell.place} shows the run {missing[0]}, whose record is not in "
                f"{paths.runs(profile)}; restore it from git, or train it and execute the chapter again."
            )


def _everything(block: Node) -> str:
    return " ".join(_texts(block)) if floats.label(block) else stringify([block])


def anchor(system: str) -> str:
    """Return the identifier of a system's records in the appendix; Markdown takes no plus sign in one."""
    return f"record-{system.replace('+', '-')}"


@dataclasses.dataclass(frozen=True)
class Note:
    """What leads from a figure or table to its cell and to what it is computed from, as inline elements.

    `cell` is empty for what no notebook computes; `files` and `systems` are links, each to a stored result or to run records.
    """

    cell: str
    notebook: str
    address: str
    files: list[list[Node]]
    systems: list[Node]

    def line(self) -> Node:
        """Return the line below a figure or table of the page."""
        sources = [*self.files, *([[Str("the run records of"), Space(), *self.systems]] if self.systems else [])]
        opening = [Str("Listed from" if sources else "Listed by the program")]
        if self.cell:
            link = _link([Str(f"cell {self.cell} of "), Code(["", [], []], self.notebook)], self.address)
            opening = [Str("Computed by"), Space(), link, *([Str(", from")] if sources else [])]
        listed = [piece for source in sources for piece in (Str(","), Space(), *source)][1:]
        return Div(["", ["origin"], []], [Para([*opening, *listed, Str(".")])])

    def brief(self) -> list[Node]:
        """Return the same in few words, for the end of a caption; the opening of the chapter names the notebook."""
        cell = [[_link([Str(f"Cell {self.cell}")], self.address)]] if self.cell else []
        sources = [*cell, *self.files, *([[Str("records of"), Space(), *self.systems]] if self.systems else [])]
        return [piece for source in sources for piece in (Str(";"), Space(), *source)][2:]


def notes(parts: list[Part], profile: str) -> dict[str, Note]:
    """Return, by label, what leads from each figure and table to its cell and to what it is computed from."""
    systems = recorded(profile)
    return {
        floats.label(block): _note(block, cell, part, systems, profile)
        for part in parts
        for cell in part.cells
        for block in cell.blocks
        if floats.label(block) and cell.chapter
    }


def linked(parts: list[Part], profile: str) -> list[Part]:
    """Return `parts` with each name of a system that fills a table's cell turned into a link to its run records."""
    systems = recorded(profile)

    def link(block: Node) -> Node:
        if block["t"] != "Table":
            return block
        identity, caption, columns, head, bodies, foot = block["c"]
        linked_bodies = transform(bodies, lambda kind, content: _as_link(kind, content, systems))
        return {"t": "Table", "c": [identity, caption, columns, head, linked_bodies, foot]}

    def cell_linked(cell: Cell) -> Cell:
        return dataclasses.replace(cell, blocks=[link(block) for block in cell.blocks])

    return [dataclasses.replace(part, cells=[cell_linked(cell) for cell in part.cells]) for part in parts]


def _as_link(kind: str, content: list, systems: Collection[str]) -> Node | None:
    """Turn the text of a table's cell into a link where it is a system's name and nothing else."""
    if kind != "Plain" or any(piece["t"] == "Link" for piece in content) or stringify(content) not in systems:
        return None
    return {"t": "Plain", "c": [_link(content, f"#{anchor(stringify(content))}")]}


def _note(block: Node, cell: Cell, part: Part, systems: dict[str, Experiment], profile: str) -> Note:
    stored, runs = data_flow.behind(cell.chapter, cell.number, floats.label(block), profile)
    behind = (named(_texts(block), systems) or of_chapter(part.name, systems)) if runs else []
    files, source = _files(stored, profile), chapter_files.source(cell.chapter)
    if part.appendix and runs and not behind:
        files.append([_link([Str("the run records")], f"#{APPENDIX}")])
    return Note("" if part.appendix else cell.number, source.name, _beside(source, profile), files, _mentions(behind))


def _link(words: list[Node], target: str) -> Node:
    return Link(["", [], []], words, [target, ""])


def _beside(path: Path, profile: str) -> str:
    """Return the relative address of a file on the page."""
    return Path(os.path.relpath(path, paths.reports(profile))).as_posix()


def _files(names: list[str], profile: str) -> list[list[Node]]:
    """Return links to stored results, or to their folder with their number where they are many."""
    stored = [data_flow.STORED[name] for name in names]
    if len(stored) > MANY:
        folder = stored[0].path(profile).parent
        return [[Str(f"{len(stored)} files of "), _link([Code(["", [], []], f"{folder.name}/")], _beside(folder, profile))]]
    return [[_link([Code(["", [], []], each.file)], _beside(each.path(profile), profile))] for each in stored]


def _texts(block: Node) -> list[str]:
    """Return the caption of a figure or table and what the table's cells say."""
    rows = [row for _, _, _, body in block["c"][4] for _, row in body] if block["t"] == "Table" else []
    return [stringify(floats.caption(block)), *(stringify(cell[-1]) for row in rows for cell in row)]


def _mentions(behind: list[str]) -> list[Node]:
    if len(behind) > MANY:
        return [_link([Str(f"{len(behind)} systems")], f"#{APPENDIX}")]
    links = [_link([Code(["", [], []], name)], f"#{anchor(name)}") for name in behind]
    return [piece for link in links for piece in (link, Str(","), Space())][:-2]
