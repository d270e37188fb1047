"""The ledger: one row for every number that the report shows, with its place, written when the report is rendered.

What a figure plots cannot be read back from its outlines; of a figure the ledger holds the numbers of its caption, and
`cxr verify` compares the values of its curves.
The title page's date and revision, which change with every rendering, are left out.
"""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pypandoc

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.report import front_matter, shown_numbers
from cxr_helpers.report.syntax_tree import Node, Part

COLUMNS = ["chapter", "cell", "label", "row", "column", "text"]
ABSTRACT = "abstract"
CHAPTER = re.compile(r"ch:(.+)")
PICTURE = re.compile(r'src="data:[^"]*"')


def path(profile: str) -> Path:
    """Return where the ledger of a profile's report lies."""
    return paths.reports(profile) / "numbers.csv"


def of_report(parts: list[Part]) -> pd.DataFrame:
    """Return the ledger of a report: strings in `COLUMNS`, in reading order.

    `chapter` and `cell` say where a number is computed, `label` under which figure or table it stands ("text" in a
    sentence, "abstract" in the abstract's), `row`, `column` and `text` are those of `shown_numbers.of_blocks`.
    """
    rows = []
    for part in parts:
        label = ABSTRACT if part.name == ABSTRACT else shown_numbers.TEXT
        for cell in part.cells:
            place = (cell.chapter or part.name, cell.number)
            rows += [(*place, *shown) for shown in shown_numbers.of_blocks(cell.blocks, label)]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=str)


def of_page(html: str) -> pd.DataFrame:
    """Return the ledger that a rendered page says; cells are not marked there, so that `cell` is empty."""
    blocks = json.loads(pypandoc.convert_text(PICTURE.sub('src=""', html), "json", format="html"))["blocks"]
    rows = []
    for chapter, content in _sections(blocks):
        label = ABSTRACT if chapter == ABSTRACT else shown_numbers.TEXT
        rows += [(chapter, "", *shown) for shown in shown_numbers.of_blocks(content, label)]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=str)


def write(numbers: pd.DataFrame, profile: str) -> None:
    """Store the ledger of a profile's report."""
    atomic_write(path(profile), numbers.to_csv(index=False, lineterminator="\n"))


def read(profile: str) -> pd.DataFrame:
    """Return the stored ledger; a missing or foreign file is a CxrError."""
    file = path(profile)
    if not file.is_file():
        raise CxrError(f"{file} is missing; `cxr render --profile {profile}` writes it, or restore it from git.")
    numbers = pd.read_csv(io.StringIO(file.read_text(encoding="utf-8")), dtype=str, keep_default_na=False)
    if list(numbers.columns) != COLUMNS:
        raise CxrError(f"{file} has other columns than {', '.join(COLUMNS)}; restore it from git or render the report anew.")
    return numbers


def differences(stored: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return the places at which two ledgers say different things: `COLUMNS` and `other`, "" where one lacks the place."""
    key = ["part", "label", "row", "column", "nth"]
    both = _keyed(stored).merge(_keyed(other), on=key, how="outer", suffixes=("", "_other"))
    for column in ("chapter", "cell"):
        both[column] = both[column].fillna(both[f"{column}_other"])
    both = both.rename(columns={"text_other": "other"}).fillna("")
    return both.loc[both.text != both.other, [*COLUMNS, "other"]].reset_index(drop=True)


def _sections(blocks: list[Node]) -> Iterator[tuple[str, list[Node]]]:
    """Yield name and blocks of abstract and introduction, of each chapter and of each appendix."""
    for block in blocks:
        identity = block["c"][0][0] if block["t"] == "Div" else ""
        chapter = CHAPTER.fullmatch(identity)
        if chapter or identity in (ABSTRACT, front_matter.INTRODUCTION):
            yield chapter[1] if chapter else identity, block["c"][1]


def _keyed(numbers: pd.DataFrame) -> pd.DataFrame:
    """Add the part of the report that shows a number, and how many equal places come before it.

    The abstract's sentences are computed in several chapters, which the page does not tell.
    """
    numbers = numbers.assign(part=numbers.chapter.where(numbers.label != ABSTRACT, ABSTRACT))
    return numbers.assign(nth=numbers.groupby(["part", "label", "row", "column"]).cumcount())
