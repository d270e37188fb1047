"""From a number of the report back to where it stands, and to the runs, commands and data behind it."""

import decimal
import os
from collections.abc import Iterator

import pandas as pd

from cxr_helpers import paths, records
from cxr_helpers.errors import CxrError
from cxr_helpers.experiments import Experiment
from cxr_helpers.records import Record
from cxr_helpers.report import data_flow, ledger, origins, shown_numbers

PLACES = 24  # shown; the rest is counted
SYSTEMS = 8
UNLIKE = 4
WRITTEN = str.maketrans({"\u2212": "-", ",": None, "+": None, "%": None, " ": None})


def trace(number: str, profile: str) -> Iterator[str]:
    """Yield, line by line, the places at which the report shows `number`, and the run records and stored results behind them.

    A place counts if it shows the number as it is written, or one that rounds to it; the former come first.

    Raises:
        CxrError: `number` is none, the report does not show it, or there is no ledger.
    """
    found = places(number, ledger.read(profile))
    if found.empty:
        raise CxrError(f"The {profile} report shows {number} nowhere, nor a number that rounds to it.")
    systems = origins.recorded(profile)
    yield f"{number} stands in {len(found)} place{'s' if len(found) > 1 else ''} of the {profile} report:"
    named, read, stored = {}, {}, {}
    for place in found.head(PLACES).itertuples():
        files, runs = data_flow.behind(place.chapter, place.cell, place.label, profile)
        own = _named(place, systems) if runs else []
        of_chapter = origins.of_chapter(place.chapter, systems) if runs and not own else []
        named, read, stored = (each | dict.fromkeys(more) for each, more in ((named, own), (read, of_chapter), (stored, files)))
        yield f"  {described(place)}: {place.text}"
        yield f"    from {_sources(own, of_chapter, files)}"
    if len(found) > PLACES:
        yield f"  and {len(found) - PLACES} more; more digits name fewer places."
    yield from _systems([systems[name] for name in named | read], profile)
    for name in stored:
        yield from _stored(name, profile)


def places(number: str, numbers: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a ledger that show `number` or a longer number that rounds to it, exact ones first.

    Raises:
        CxrError: `number` is none.
    """
    wanted = _decimal(number)
    if wanted is None:
        raise CxrError(f"{number!r} is no number; write it as the report does, such as 0.982 or 5,856.")
    ranks = numbers.text.map(lambda text: _rank(wanted, shown_numbers.NUMBER.findall(text)))
    return numbers.loc[ranks[ranks < UNLIKE].sort_values(kind="stable").index]


def described(place) -> str:
    """Return where a row of the ledger stands, in words."""
    cell = f", cell {place.cell}" if place.cell else ""
    within = f", row {place.row!r}, column {place.column!r}" if place.column else f", after {place.row!r}"
    return f"{place.chapter}{cell}, {place.label}{within}"


def _decimal(number: str) -> decimal.Decimal | None:
    try:
        value = decimal.Decimal(number.translate(WRITTEN))
    except decimal.InvalidOperation:
        return None
    return value if value.is_finite() else None


def _rank(wanted: decimal.Decimal, shown: list[str]) -> int:
    """Return how a cell shows a number: as it is (0) or rounding to it (2), one more where others come before; else `UNLIKE`."""
    likeness = (_likeness(wanted, _decimal(number)) + (place > 0) for place, number in enumerate(shown))
    return min(likeness, default=UNLIKE)


def _likeness(wanted: decimal.Decimal, value: decimal.Decimal) -> int:
    """Return 0 for the same number in the same digits, 2 for one that rounds to it, `UNLIKE` for any other."""
    digits_wanted, digits = wanted.as_tuple().exponent, value.as_tuple().exponent
    if digits > digits_wanted:
        return 2 if value == wanted else UNLIKE
    if digits == digits_wanted:
        return 0 if value == wanted else UNLIKE
    return 2 if value.quantize(wanted, decimal.ROUND_HALF_UP) == wanted else UNLIKE


def _named(place, systems: dict[str, Experiment]) -> list[str]:
    """Return the systems that a place's row or column names, by name or by run."""
    named = origins.named([place.row, place.column], systems)
    named += [name for name, system in systems.items() if any(config.run_id in place.row for config in system.configs)]
    return list(dict.fromkeys(named))


def _sources(own: list[str], of_chapter: list[str], files: list[str]) -> str:
    said = [data_flow.STORED[name].file for name in files]
    said += [_listed(own)] if own else []
    said += [f"what its chapter reads: {_listed(of_chapter)}"] if of_chapter else []
    return "; ".join(said) or "no run record: it is computed from the images or from the text itself"


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= SYSTEMS else f"{len(names)} systems"


def _systems(behind: list[Experiment], profile: str) -> Iterator[str]:
    for system in behind[:SYSTEMS]:
        yield from _system(system, profile)
    if len(behind) > SYSTEMS:
        yield f"and {len(behind) - SYSTEMS} systems more: {', '.join(system.name for system in behind[SYSTEMS:])}."


def _system(system: Experiment, profile: str) -> Iterator[str]:
    config = system.configs[0].departures()
    yield ""
    yield f"{system.name}: {system.title}"
    yield f"  command  cxr train {system.name} --profile {profile}"
    yield f"  config   {', '.join(f'{name} = {value!r}' for name, value in config.items() if name not in ('protocol', 'seed'))}"
    for config in system.configs:
        yield from _run(records.load(config, profile))


def _stored(name: str, profile: str) -> Iterator[str]:
    stored = data_flow.STORED[name]
    yield ""
    yield f"{name}: a stored result, no run"
    yield f"  command  {f'{stored.command} --profile {profile}' if stored.command else 'none; it is written by hand'}"
    yield f"  file     {os.path.relpath(stored.path(profile), paths.ROOT)}"
    yield f"           sha256 {stored.digest(profile)}"


def _run(record: Record) -> Iterator[str]:
    info = record.info
    yield f"  record   {os.path.relpath(record.folder / 'run.json', paths.ROOT)}"
    yield f"           data {info.get('data_hash', 'unknown')}"
    yield f"           revision {info.get('git_revision', 'unknown')}, finished {info.get('finished', 'unknown')}"
