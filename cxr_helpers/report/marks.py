"""What the page's script needs to lead from a number to what is behind it: the cell and the systems, as attributes.

A block carries `data-cell`, the cell that computed it, and `data-stored`, the stored results that flow into it; `data-from`
names the systems whose records are behind a chapter, a block, a table's row or a column, the innermost of them counting.
"""

import dataclasses
from collections.abc import Iterable

from pandocfilters import Div, Header, stringify

from cxr_helpers.experiments import Experiment
from cxr_helpers.report import data_flow, floats, origins
from cxr_helpers.report.syntax_tree import Cell, Node, Part

TEXTS = ("Para", "BulletList", "OrderedList", "BlockQuote")


def marked(parts: list[Part], profile: str) -> list[Part]:
    """Return `parts` with the attributes put in; what they say is what `cxr trace` prints."""
    systems = origins.recorded(profile)

    def cell_marked(cell: Cell, part: Part) -> Cell:
        return dataclasses.replace(cell, blocks=[_block(block, cell, part, systems, profile) for block in cell.blocks])

    return [dataclasses.replace(part, cells=[cell_marked(cell, part) for cell in part.cells]) for part in parts]


def _block(block: Node, cell: Cell, part: Part, systems: dict[str, Experiment], profile: str) -> Node:
    if block["t"] == "Header" and block["c"][0] == 1:
        level, (identity, classes, pairs), words = block["c"]
        behind = [] if part.appendix else origins.of_chapter(part.name, systems)
        return Header(level, [identity, classes, [*pairs, *_from(behind)]], words)
    if not cell.chapter or not (floats.label(block) or block["t"] in TEXTS):
        return block
    place = [["cell", cell.number]] if part.name == cell.chapter else [["cell", cell.number], ["chapter", cell.chapter]]
    stored, runs = data_flow.behind(cell.chapter, cell.number, floats.label(block), profile)
    said = stringify(block) if block["t"] in TEXTS else stringify(floats.caption(block))
    behind = _from(origins.named([said], systems)) if runs else [["from", ""]]  # empty: not those of the chapter either
    behind += [["stored", " ".join(map(data_flow.anchor, stored))]] if stored else []
    if block["t"] in TEXTS:
        return Div(["", [], [*place, *behind]], [block])
    (identity, classes, pairs), words, *rest = block["c"]
    if block["t"] == "Table" and runs:
        columns, (own, head), bodies, foot = rest
        rest = [columns, [own, [_columns(row, systems) for row in head]], [_rows(body, systems) for body in bodies], foot]
    return {"t": block["t"], "c": [[identity, classes, [*pairs, *place, *behind]], words, *rest]}


def _rows(body: list, systems: dict[str, Experiment]) -> list:
    attributes, count, head, rows = body
    return [attributes, count, head, [[_with(row, behind_row(_said(row[1]), systems)), row[1]] for row in rows]]


def _columns(row: list, systems: dict[str, Experiment]) -> list:
    attributes, cells = row
    return [attributes, [[_with(cell, origins.named([stringify(cell[-1])], systems)), *cell[1:]] for cell in cells]]


def behind_row(texts: list[str], systems: dict[str, Experiment]) -> list[str]:
    """Return the systems that the cells of a table's row name, by name or by run."""
    named = origins.named(texts, systems)
    runs = {config.run_id: name for name, system in systems.items() for config in system.configs}
    return list(dict.fromkeys([*named, *(runs[text] for text in texts if text in runs)]))


def _said(cells: list) -> list[str]:
    return [stringify(cell[-1]) for cell in cells]


def _with(element: list, behind: list[str]) -> list:
    identity, classes, pairs = element[0]
    return [identity, classes, [*pairs, *_from(behind)]]


def _from(behind: Iterable[str]) -> list[list[str]]:
    """Return the attribute that names systems by the identifiers of their records in the appendix."""
    names = " ".join(origins.anchor(name) for name in behind)
    return [["from", names]] if names else []
