"""Tables as text: numbers formatted once, for the notebook and for both formats of the report."""

import math
import numbers
import re

import pandas as pd

MINUS = "\u2212"
ABSENT = "\u2013"
PERCENT = re.compile(r"(?<=\d)%")
HYPHEN = re.compile(r"(?<![\w.,–-])-(?=\.?\d)")  # before a number, not within a name or a range
NUMBER = re.compile(rf"[<>≤≥±+{MINUS}-]?\.?\d[\d.,]*(e[{MINUS}+]\d+)?([ \u00a0]?%| [a-zA-Z]{{1,3}})?( ?[\[(±].*)?")


def formatted(frame: pd.DataFrame, digits: int | dict[str, int] = 3) -> pd.DataFrame:
    """Return `frame` as strings, its named index as first columns.

    `digits` are the decimals of floating-point columns: one count for all, or one per column name (3 for the others).
    Whole numbers get thousands separators; a missing value becomes an en dash; a value that would round to zero
    keeps two significant digits. Cells may hold Markdown (`[@key]`, `@tbl:x`).
    """
    cells = flat(frame)
    decimals = digits if isinstance(digits, dict) else dict.fromkeys(cells.columns, digits)
    columns = {name: [_cell(value, decimals.get(name, 3)) for value in cells[name]] for name in cells.columns}
    return pd.DataFrame(columns, dtype=str)


def markdown(frame: pd.DataFrame, digits: int | dict[str, int] = 3) -> str:
    """Return `frame` as a Markdown pipe table, columns of numbers aligned right."""
    cells = formatted(frame, digits)
    rules = ["--:" if numeric(cells[name]) else ":--" for name in cells.columns]
    rows = [list(cells.columns), rules, *cells.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows)


def numeric(column: pd.Series) -> bool:
    """Tell whether every cell that says something is a number, with or without unit or interval ("0.98 [0.97, 0.99]")."""
    said = [cell for cell in column if cell not in ("", ABSENT)]
    return bool(said) and all(NUMBER.fullmatch(cell) for cell in said)


def written(text: str) -> str:
    """Return text whose negative numbers have a minus sign in place of a hyphen, and whose per cent stand apart ("95 %")."""
    return PERCENT.sub("\u00a0%", HYPHEN.sub(MINUS, text))


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with its named index as first columns, and every column named by one string."""
    named = any(name is not None for name in frame.index.names)
    table = frame.reset_index() if named or not isinstance(frame.index, pd.RangeIndex) else frame.copy()
    table.columns = [_name(name) for name in table.columns]
    return table


def _name(name: object) -> str:
    parts = [str(part) for part in name if part != ""] if isinstance(name, tuple) else [str(name)]
    return "" if parts == ["index"] else ", ".join(parts)


def _cell(value: object, decimals: int) -> str:
    if isinstance(value, str):
        return written(value)
    if value is None or pd.isna(value):
        return ABSENT
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return str(value)
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}".replace("-", MINUS)
    return _real(float(value), decimals)


def _real(value: float, decimals: int) -> str:
    vanishes = value != 0 and math.isfinite(value) and abs(value) < 0.5 * 10**-decimals
    text = f"{value:.1e}" if vanishes else f"{value:,.{decimals}f}"
    return text.replace("-", MINUS)


def _escaped(cell: str) -> str:
    return " ".join(cell.replace("|", r"\|").split()) or " "
