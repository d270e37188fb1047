"""Predict any number of files into a table; a stopped run goes on.

Rows stand in the order of the files; they are appended, batch by batch, to `<table>.part` (with maps `<table>.maps.part`), which
becomes the table when it is whole. A file that is no image costs its own row.
"""

import contextlib
import csv
import fcntl
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tqdm import tqdm

from cxr_helpers.data import image_files
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference.image_lists import Files
from cxr_helpers.extras.inference.predict import BATCH, Prediction, Predictor

COLUMNS = ("file", "class", "probability", "operating_point", "heat_map", "warning", "problem", "model")


def write(files: Files, table: Path, model_dir: Path | None = None, maps: Path | None = None) -> tuple[int, int]:
    """Predict `files` into a CSV `table` and return the number of rows, and of those without an answer.

    `model_dir` and `maps` as for `predict.Predictor`; a map's name has its row in it. Columns: `COLUMNS`; `model` is the
    beginning of the model file's SHA-256.

    Raises:
        CxrError: the table is there already, is no .csv or cannot be written; another run is at it; what an earlier run left
            is of other files or another model; the files are others when they are read than when they are counted; or there
            are no files.
    """
    table = Path(table)
    if table.suffix != ".csv":
        raise CxrError(f"{table} does not end in .csv: a table is a CSV file.")
    if table.exists():
        raise CxrError(f"{table} is there already; give another name, or remove it to predict anew.")
    total = sum(1 for _ in files)
    if not total:
        raise CxrError("No image is among what was named; give files, folders, patterns in quotation marks, or --list FILE.")
    predictor = Predictor(model_dir, maps)
    part = table.with_suffix(".csv.maps.part" if maps else ".csv.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part) as handle:
            done, failed = _append(handle, part, iter(files), predictor, total)
        if done != total:
            raise CxrError(f"{total:,} files were counted, {done:,} found; run again when they stay, what is done is kept.")
        part.replace(table)
    except OSError as error:
        place, cause = error.filename or table, error.strerror
        raise CxrError(f"{place} cannot be written ({cause}); what is done is kept: free the way and run again.") from error
    except KeyboardInterrupt:
        raise CxrError(f"Stopped; the same command goes on from {part}.") from None
    return done, failed


def _append(handle: IO[str], part: Path, files: Iterator[Path], predictor: Predictor, total: int) -> tuple[int, int]:
    """Append the rows that are missing; return the number of all rows, and of those with a problem."""
    model, rows = predictor.card.sha256[:12], csv.writer(handle, lineterminator="\n")
    done, failed = _resume(handle, files, model, part)
    if not handle.tell():
        rows.writerow(COLUMNS)
    interval = 0.5 if sys.stderr.isatty() else 30
    progress = {"desc": "predict", "unit": "image", "mininterval": interval, "maxinterval": 2 * interval}
    for answer in tqdm(predictor.predictions(files, done), total=total, initial=done, **progress):
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
    said = [" ".join(image_files.printable(words).split()) for words in (answer.warning, answer.problem)]
    return [_name(answer.path), answer.label, *numbers, _name(answer.heat_map or ""), *said, model]


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[IO[str]]:
    """Yield `part` open for reading and appending; while it is, no other run can have it."""
    with open(part, "a+", encoding="utf-8", newline="") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CxrError(f"Another run is writing {part}; wait until it ends, or stop it.") from None
        yield handle


def _resume(handle: IO[str], files: Iterator[Path], model: str, part: Path) -> tuple[int, int]:
    """Advance `files` past those that `part` answers for; return the number of its rows, and of those with a problem.

    A row that was cut off is dropped, with memory that does not grow with the file.
    """
    with open(part, "rb+") as lines:
        lines.truncate(sum(len(line) for line in lines if line.endswith(b"\n")))
    handle.seek(0)
    done = failed = 0
    for number, row in enumerate(csv.reader(handle)):
        file = None if number == 0 else next(files, None)
        if row != list(COLUMNS) if number == 0 else file is None or (row[0], row[-1]) != (_name(file), model):
            raise CxrError(f"{part} was begun for other files or by another model; remove it to begin anew.")
        if number:
            done, failed = done + 1, failed + bool(row[COLUMNS.index("problem")])
    handle.seek(0, io.SEEK_END)
    return done, failed


def _name(path: Path | str) -> str:
    """Return a path on one line, in characters that UTF-8 has."""
    return image_files.printable(path).replace("\r", "\\r").replace("\n", "\\n")
