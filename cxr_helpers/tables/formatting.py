"""The last step before a table is shown: its numbers become the text of cells or of a sentence.

A format is a number of decimals, a template ("{:.1%}", "{:+.3f}", "missed by {:.3f}"), or a function from a value to one of
these. A table may bring its own for some of its columns in `table.attrs["digits"]`; `document.table` uses them, and takes "+"
for the table's number of decimals with a sign.
"""

from collections.abc import Callable

import pandas as pd

ABSENT = "–"
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


def interval(row, form: Format = 3) -> str:
    """Return "0.931–0.967" of anything with `ci_low` and `ci_high`."""
    return between(row.ci_low, row.ci_high, form)


def signed(value: float, low: float, high: float, form: str = "{:+.3f}") -> str:
    """Return "+0.012 (+0.003 to +0.021)" of a difference and its interval."""
    return estimate(value, low, high, form)


def phrase(table: pd.DataFrame, metric: str) -> str:
    """Return "0.912 (95 % CI 0.890–0.934)" from a metric table as `metrics.evaluate` gives it."""
    row = table.loc[metric]
    return f"{row.value:.3f} (95 % CI {interval(row)})"


def p_value(value: float) -> str:
    """Return "0.012", or "<0.001"."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"
