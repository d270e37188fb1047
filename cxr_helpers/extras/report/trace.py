"""From a number of the report back to where it stands, and to the stored results behind it: read from `reports/data/`."""

import csv
import decimal
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cxr_helpers import experiments, paths, records
from cxr_helpers.errors import CxrError
from cxr_helpers.tables import final_model
from cxr_helpers.workflow import chapter_files

NUMBER = re.compile(r"(?<![\w.])(?<![A-Za-z_][-–])[+\u2212-]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[\u2212+-]?\d+)?(?!\.?\w)")
WRITTEN = str.maketrans({"\u2212": "-", ",": None, "+": None, "%": None, " ": None, "\u00a0": None})
NOTHING = "no stored result: what it shows is computed from the images or from the text itself"
CAPTION = ", caption"
MANY = 24  # places that are listed


class Place(NamedTuple):
    """Where a number stands: the chapter's cell, the figure or table ("" in a sentence), words that say more, what is stored."""

    chapter: str
    cell: int
    label: str
    within: str
    text: str


def trace(number: str, profile: str) -> Iterator[str]:
    """Yield, line by line, whether `number` is the final model's, then where else it stands, and what those chapters read.

    A place counts if it holds the number as it is written, or one that rounds to it. Sentences and tables come before figures.

    Raises:
        CxrError: `number` is none, or the report does not show it.
    """
    wanted = decimal_of(number)
    if wanted is None:
        raise CxrError(f"{number!r} is no number; write it as the report does, such as 0.982 or 5,856.")
    final, found = list(_final(wanted, profile)), places(wanted, profile)
    if not final and not found:
        raise CxrError(f"The {profile} report shows {number} nowhere, nor a number that rounds to it.")
    yield from final
    yield f"{number} stands in {len(found)} place{'s' if len(found) != 1 else ''} of the {profile} report{':' if found else '.'}"
    for place in found[:MANY]:
        yield f"  {place.chapter}, cell {place.cell}, {place.label or 'text'}{place.within}: {place.text}"
    if len(found) > MANY:
        yield f"  and {len(found) - MANY} more; more digits name fewer places."
    for chapter in dict.fromkeys(place.chapter for place in found[:MANY]):
        count = len(chapter_files.sources(chapter, profile))
        yield f"{chapter} read {f'{count} stored results: sources-{chapter}.json beside its data' if count else NOTHING}"


def places(wanted: decimal.Decimal, profile: str) -> list[Place]:
    """Return where the report's data hold a number: sentences and captions, then tables, then what figures draw."""
    found = []
    for chapter in chapter_files.names():
        for said in chapter_files.sentences(chapter, profile).itertuples():
            if any(rounds_to(text, wanted) for text in NUMBER.findall(said.sentence)):
                found.append(Place(chapter, said.cell, said.label, CAPTION if said.label else "", said.sentence))
            rows = _rows(chapter_files.folder(profile) / chapter_files.file_name(said.label)) if said.label else []
            found += [Place(chapter, said.cell, said.label, *cell) for row in rows for cell in _cells(row, wanted)]
    return sorted(found, key=lambda place: place.within not in ("", CAPTION) and (1 + place.label.startswith("fig")))


def decimal_of(text: str) -> decimal.Decimal | None:
    """Return a number as the report writes it, None where it is none."""
    try:
        value = decimal.Decimal(text.translate(WRITTEN))
    except decimal.InvalidOperation:
        return None
    return value if value.is_finite() else None


def rounds_to(text: str, wanted: decimal.Decimal) -> bool:
    """Tell whether a number that is shown or stored is `wanted`, or rounds to it."""
    value = decimal_of(text)
    if value is None or value.as_tuple().exponent > wanted.as_tuple().exponent:
        return value is not None and value == wanted
    return value.quantize(wanted, decimal.ROUND_HALF_EVEN) == wanted if value.adjusted() < 20 else value == wanted


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))) if path.is_file() else []


def _cells(row: dict[str, str], wanted: decimal.Decimal) -> Iterator[tuple[str, str]]:
    """Yield (words that name row and column, stored text) of the cells of a data file's row that hold the number."""
    name = " · ".join([text for text in row.values() if text and not NUMBER.fullmatch(text)][:3])
    for column, text in row.items():
        if text and any(rounds_to(part, wanted) for part in NUMBER.findall(text)):
            yield f", row {name!r}, column {column!r}", text


def _final(wanted: decimal.Decimal, profile: str) -> Iterator[str]:
    """Yield what the final model's stored figures say of a number, with the run that it comes from."""
    path = paths.tables(profile) / final_model.FILE
    if not path.is_file():
        return
    stored = json.loads(path.read_text(encoding="utf-8"))
    run = records.read(paths.runs(profile) / stored["run_id"])
    named = pd.json_normalize(stored, sep=" ").T[0].explode()  # an interval is two numbers of one name
    for name, value in named.items():
        if isinstance(value, float) and rounds_to(repr(value), wanted):
            owners = [each.name for each in experiments.load(profile).values() if run.config in each.configs]
            yield f"The final model's {name} is {value!r} ({_beside(path)})."
            yield f"  run     {run.run_id}, experiment {', '.join(owners) or 'unknown'}"
            yield f"  record  {_beside(run.folder / 'run.json')}, data {run.info.get('data_hash', 'unknown')}"
            yield f"  command cxr train {' '.join(owners)} --profile {profile}"


def _beside(path: Path) -> str:
    return (path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path).as_posix()
