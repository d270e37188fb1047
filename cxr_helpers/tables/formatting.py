"""The last step before a table is shown: its numbers become the text of cells or of a sentence.

A format is a number of decimals, a template ("{:.1%}", "{:+.3f}", "missed by {:.3f}"), or a function from a value to one of
these. A table may bring its own for some of its columns in `table.attrs["digits"]`; `document.table` uses them, and takes "+"
for the table's number of decimals with a sign.
"""

import numbers
import re
from collections.abc import Callable

import pandas as pd

ABSENT = "–"
MINUS = "\u2212"
PERCENT = re.compile(r"(?<=\d)%")
HYPHEN = re.compile(r"(?<![\w.,–-])-(?=\.?\d)")  # before a number, not within a name or a range
NUMBER = re.compile(rf"[<>≤≥±+{MINUS}-]?\.?\d[\d.,]*(e[{MINUS}+]\d+)?([ \u00a0]?%| [a-zA-Z]{{1,3}})?( ?[\[(±].*)?")
Format = int | str | Callable[[float], int | str]


def number(value: float, form: Format = 3) -> str:
    """Return a number as text; a missing one is an en dash."""
    if pd.isna(value):
        return ABSENT
    form = form(value) if callable(form) else form
    return f"{value:,.{form}f}" if isinstance(form, int) else form.format(value)


def estimate(value: float, low: float, high: float, form: Format = 3) -> str:
    """Return "0.950 (0.931–0.967)"; without bounds the value alone, without a value an en dash."""
    if pd.isna(value) or pd.isna(low):
        return number(value, form)
    form = form(value) if callable(form) else form
    return f"{number(value, form)} ({between(low, high, form)})"


def between(low: float, high: float, form: Format = 3) -> str:
    """Return "0.931–0.967", "-0.003 to +0.021" where a bound has a sign, and "none" where there are no bounds."""
    if pd.isna(low):
        return "none"
    signed = low < 0 or "+" in str(form)
    return f"{number(low, form)}{' to ' if signed else ABSENT}{number(high, form)}"


def cell(row, form: Format = 3) -> str:
    """Return "0.950 (0.931–0.967)" of anything with `value`, `ci_low` and `ci_high`."""
    return estimate(row.value, row.ci_low, row.ci_high, form)


def signed(value: float, low: float, high: float, form: str = "{:+.3f}") -> str:
    """Return "+0.012 (+0.003 to +0.021)" of a difference and its interval."""
    return estimate(value, low, high, form)


def phrase(table: pd.DataFrame, metric: str) -> str:
    """Return "0.912 (95 % CI 0.890–0.934)" from a metric table as `metrics.evaluate` gives it."""
    row = table.loc[metric]
    return f"{row.value:.3f} (95 % CI {between(row.ci_low, row.ci_high)})"


def p_value(value: float) -> str:
    """Return "0.012", or "<0.001"."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def formatted(frame: pd.DataFrame, digits: int | dict[str, Format] = 3) -> pd.DataFrame:
    """Return `frame` as strings, its named index as first columns.

    `digits` are the decimals of floating-point columns: one count for all, or a format (see above) per column name
    (3 decimals for the others); a table may bring formats of its own in `attrs["digits"]`. Columns x, x_low and x_high become
    one cell, "0.950 (0.931–0.967)". Whole numbers get thousands separators; a missing value becomes an en dash; a value that
    would round to zero keeps two significant digits. Cells may hold Markdown (`[@key]`, `@tbl:x`).
    """
    cells = flat(frame)
    forms = frame.attrs.get("digits", {}) | (digits if isinstance(digits, dict) else {})
    rest = digits if isinstance(digits, int) else 3
    estimates = {name: [f"{name}_low", f"{name}_high"] for name in cells if {f"{name}_low", f"{name}_high"} <= set(cells)}
    columns = {}
    for name in cells.columns.difference(sum(estimates.values(), []), sort=False):
        form = f"{{:+.{rest}f}}" if forms.get(name) == "+" else forms.get(name, rest)
        if name in estimates:
            rows = cells[[name, *estimates[name]]].to_numpy(float)
            columns[name] = [written(estimate(*row, form)) for row in rows]
        else:
            columns[name] = [_text(value, form) for value in cells[name]]
    return pd.DataFrame(columns, dtype=str)


def markdown(frame: pd.DataFrame, digits: int | dict[str, Format] = 3) -> str:
    """Return `frame` as a Markdown pipe table, columns of numbers aligned right."""
    cells = formatted(frame, digits)
    said = {name: [cell for cell in column if cell not in ("", ABSENT)] for name, column in cells.items()}
    rules = ["--:" if column and all(map(NUMBER.fullmatch, column)) else ":--" for column in said.values()]
    rows = [list(cells.columns), rules, *cells.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(" ".join(cell.replace("|", r"\|").split()) or " " for cell in row) + " |" for row in rows)


def written(text: str) -> str:
    """Return text whose negative numbers have a minus sign in place of a hyphen, and whose per cent stand apart ("95 %")."""
    return PERCENT.sub("\u00a0%", HYPHEN.sub(MINUS, text))


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with its named index as first columns, and every column named by one string."""
    named = any(name is not None for name in frame.index.names)
    table = frame.reset_index() if named or not isinstance(frame.index, pd.RangeIndex) else frame.copy()
    parts = [[str(part) for part in (name if isinstance(name, tuple) else (name,)) if part != ""] for name in table.columns]
    table.columns = ["" if named == ["index"] else ", ".join(named) for named in parts]
    return table


def _text(value: object, form: Format) -> str:
    """Return a value as the text of a cell, in a number of decimals or another format."""
    if isinstance(value, str):
        return written(value)
    if value is None or pd.isna(value):
        return ABSENT
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return str(value)
    if isinstance(form, int) and isinstance(value, numbers.Integral):
        form = 0
    elif isinstance(form, int) and value and abs(value) < 0.5 * 10**-form:  # it would round to zero
        return f"{value:.1e}".replace("-", MINUS)
    return written(number(float(value), form))
