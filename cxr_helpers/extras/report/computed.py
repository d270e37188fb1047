"""Chapters that no notebook computes, and their tables."""

from cxr_helpers.report import table_cells
from cxr_helpers.report.chapters import Chapter


def listed(name: str, markdown: str) -> Chapter:
    """Return a chapter that no notebook computes, of one cell and no figures, from Markdown that begins with its title."""
    return Chapter(name, f':::::::::: {{.cell number="1"}}\n\n{markdown}\n\n::::::::::\n', {})


def table(label: str, caption: str, rows, digits: int = 3) -> str:
    """Return the Markdown of a table (a frame, or Markdown of one) with label and caption, as the chapter template makes it."""
    shown = rows if isinstance(rows, str) else table_cells.markdown(rows, digits)
    return f':::::: {{.table id="{label}"}}\n\n{caption}\n\n{shown}\n\n::::::'
