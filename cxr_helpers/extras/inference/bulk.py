"""Predict any number of files, as a command line names them, into a table; a stopped run goes on.

Rows stand in the order of the files; they are appended, batch by batch, to `<table>.part` (with maps `<table>.maps.part`), which
becomes the table when it is whole. A file that is no image costs its own row.
"""

import contextlib
import csv
import fcntl
import glob
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from tqdm import tqdm

from cxr_helpers.base.progress import printable
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference.predict import BATCH, Prediction, Predictor
from cxr_helpers.extras.inference.writable import check_file

COLUMNS = ("file", "class", "probability", "operating_point", "heat_map", "warning", "problem", "model")
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".dcm", ".dicom", "")  # of what a folder gives; DICOM often has none


def files(sources: Iterable[Path], listed: Path | None = None) -> list[Path]:
    """Return the files of `sources`, then those of a list, in the same order whenever they are asked for.

    A source is a file, a folder (all its images, at any depth, by name) or a pattern such as "images/*/*.jpeg" where no
    file has that name. `listed` is a text file (UTF-8) with one path a line, as seen from the working folder. A file that
    is named and does not exist is one of the files: its row says so.

    Raises:
        CxrError: the list cannot be read.
    """
    found: list[Path] = []
    for source in map(Path, sources):
        if source.is_dir():
            found += _below(source)
        elif is_many(source):
            found += [Path(path) for path in sorted(glob.iglob(str(source), recursive=True)) if os.path.isfile(path)]
        else:
            found.append(source)
    try:
        lines = listed.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n") if listed else []
    except OSError as error:
        raise CxrError(f"{listed} cannot be read ({error.strerror}); give a file of one path a line.") from error
    return found + [Path(line) for line in lines if line.strip()]


def is_many(source: Path) -> bool:
    """Tell whether a source is a folder or a pattern."""
    return source.is_dir() or glob.has_magic(str(source)) and not source.exists()


def _below(folder: Path) -> Iterator[Path]:
    unread: list[Path] = []
    for place, below, names in os.walk(folder, onerror=lambda error: unread.append(Path(error.filename))):
        below.sort()
        images = (name for name in sorted(names) if os.path.splitext(name)[1].lower() in SUFFIXES)
        yield from (Path(place, name) for name in images if not name.startswith("."))
    yield from unread  # a folder that may not be looked into has a row that says so


def write(
    named: Sequence[Path],
    table: Path,
    model_dir: Path | None = None,
    maps: Path | None = None,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
) -> tuple[int, int]:
    """Predict the files `named` into a CSV `table` and return the number of rows, and of those without an answer.

    `model_dir` and `maps` as for `predict.Predictor`. Columns: `COLUMNS`; `model` is the beginning of the model file's SHA-256.
    With `overwrite` the table takes the place of one that is there when it is whole,
    but never that of what is read: an image, or one of `inputs`.

    Raises:
        CxrError: the table is there already, is no .csv or cannot be written; another run is at it; what an earlier run left
            is of other files or another model; or there are no files.
    """
    table = Path(table)
    if table.suffix != ".csv":
        raise CxrError(f"{table} does not end in .csv: a table is a CSV file.")
    check_file(table, overwrite, [*inputs, *named])
    if not named:
        raise CxrError("No image is among what was named; give files, folders, patterns in quotation marks, or --list FILE.")
    predictor = Predictor(model_dir, maps)
    part = table.with_suffix(".csv.maps.part" if maps else ".csv.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part) as handle:
            done, failed = _append(handle, part, named, predictor)
        part.replace(table)
    except OSError as error:
        place, cause = error.filename or table, error.strerror
        raise CxrError(f"{place} cannot be written ({cause}); what is done is kept: free the way and run again.") from error
    except KeyboardInterrupt:
        raise CxrError(f"Stopped; the same command goes on from {part}.") from None
    return done, failed


def _append(handle: IO[str], part: Path, named: Sequence[Path], predictor: Predictor) -> tuple[int, int]:
    """Append the rows that are missing; return the number of all rows, and of those with a problem."""
    model, rows = predictor.card.sha256[:12], csv.writer(handle, lineterminator="\n")
    done, failed = _resume(handle, named, model, part)
    if not handle.tell():
        rows.writerow(COLUMNS)
    interval = 0.5 if sys.stderr.isatty() else 30
    progress = {"desc": "predict", "unit": "image", "mininterval": interval, "maxinterval": 2 * interval}
    for answer in tqdm(predictor.predictions(named[done:]), total=len(named), initial=done, **progress):
        if answer.undrawn:
            raise CxrError(answer.undrawn)
        rows.writerow(_row(answer, model))
        done, failed = done + 1, failed + bool(answer.problem)
        if done % BATCH == 0:
            handle.flush()
    handle.flush()
    os.fsync(handle.fileno())
    return done, failed


def _row(answer: Prediction, model: str) -> list[str]:
    """Return an answer in the columns `COLUMNS`."""
    numbers = ["", ""] if answer.problem else [f"{answer.probability:.6f}", f"{answer.threshold:.6f}"]
    said = [printable(words) for words in (answer.warning, answer.problem)]
    return [printable(answer.path), answer.label, *numbers, printable(answer.heat_map or ""), *said, model]


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[IO[str]]:
    """Yield `part` open for reading and appending; while it is, no other run can have it."""
    with open(part, "a+", encoding="utf-8", newline="") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CxrError(f"Another run is writing {part}; wait until it ends, or stop it.") from None
        yield handle


def _resume(handle: IO[str], named: Sequence[Path], model: str, part: Path) -> tuple[int, int]:
    """Return the number of rows that `part` holds for the first files, and of those with a problem.

    A row that was cut off is dropped.
    """
    with open(part, "rb+") as lines:
        lines.truncate(sum(len(line) for line in lines if line.endswith(b"\n")))
    handle.seek(0)
    header, *rows = list(csv.reader(handle)) or [list(COLUMNS)]
    expected = [[printable(file), model] for file in named[: len(rows)]]
    if header != list(COLUMNS) or [row[:1] + row[-1:] for row in rows] != expected:
        raise CxrError(f"{part} was begun for other files or by another model; remove it to begin anew.")
    handle.seek(0, io.SEEK_END)
    return len(rows), sum(bool(row[COLUMNS.index("problem")]) for row in rows)
