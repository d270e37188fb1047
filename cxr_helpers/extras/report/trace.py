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
from cxr_helpers.workflow import chapter_files, shown_data

NUMBER = re.compile(r"(?<![\w.])(?<![A-Za-z_][-–])[+\u2212-]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[\u2212+-]?\d+)?(?!\.?\w)")
WRITTEN = str.maketrans({"\u2212": "-", ",": None, "+": None, "%": None, " ": None, "\u00a0": None})
NOTHING = "no stored result: it is computed from the images or from the text itself"
MANY = 8  # files behind a place that are named; places that are listed, of each kind


class Place(NamedTuple):
    """Where a number stands: the chapter's cell, the figure or table ("" in a sentence), words that say more, what is stored."""

    chapter: str
    cell: int
    label: str
    within: str
    text: str


def trace(number: str, profile: str) -> Iterator[str]:
    """Yield, line by line, whether `number` is the final model's, then where else the report shows it, and from which files.

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
    behind = {chapter: shown_data.sources(chapter, profile) for chapter in {place.chapter for place in found}}
    for place in found[: 3 * MANY]:
        yield f"  {place.chapter}, cell {place.cell}, {place.label or 'text'}{place.within}: {place.text}"
        yield f"    from {_sources(place, behind[place.chapter])}"
    if len(found) > 3 * MANY:
        yield f"  and {len(found) - 3 * MANY} more; more digits name fewer places."


def places(wanted: decimal.Decimal, profile: str) -> list[Place]:
    """Return where the report's data hold a number: sentences and captions, then tables, then what figures draw."""
    found = []
    for chapter in chapter_files.names():
        path = shown_data.folder(profile) / f"text-{chapter}.csv"
        for row in _rows(path):
            if any(rounds_to(text, wanted) for text in NUMBER.findall(row["sentence"])):
                within = ", caption" if row["label"] else ""
                found.append(Place(chapter, int(row["cell"]), row["label"], within, row["sentence"]))
        for each in shown_data.sources(chapter, profile)["shown"]:
            if each["label"]:
                rows = _rows(shown_data.folder(profile) / shown_data.file_name(each["label"]))
                found += [Place(chapter, each["cell"], each["label"], *cell) for row in rows for cell in _cells(row, wanted)]
    return sorted(found, key=lambda place: place.label.startswith("fig") and place.within != ", caption")


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


def _sources(place: Place, behind: dict) -> str:
    shown = [each for each in behind["shown"] if (each["cell"], each["label"]) == (place.cell, place.label)]
    files = list(dict.fromkeys(file for each in shown for file in each["sources"]))
    more = f" and {len(files) - MANY} files more" if len(files) > MANY else ""
    return ", ".join(files[:MANY]) + more or NOTHING


def _beside(path: Path) -> str:
    return (path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path).as_posix()
