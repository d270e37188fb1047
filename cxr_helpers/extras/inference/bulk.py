"""Predict any number of files into a table: memory does not grow with their number, and a stopped run goes on.

Threads read and decode images, ahead of the network where it has a device of its own. Rows stand in the order of the files;
they are appended, batch by batch, to `<table>.part` (with the options in between), which becomes the table when it is whole.
A file that is no image costs its own row.
"""

import contextlib
import csv
import fcntl
import importlib.util
import io
import itertools
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from tqdm import tqdm

from cxr_helpers.base import processes
from cxr_helpers.base.files import atomic_path, atomic_write, check_folder
from cxr_helpers.data import image_files, preprocessing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import out_of_distribution, predict
from cxr_helpers.extras.inference.image_lists import Files

BATCH = 32  # images; every batch is filled up to it, so that a score does not depend on where a run was interrupted
AHEAD = 4 * BATCH  # images that may wait, read, for the network
COLUMNS = ("file", "class", "probability", "operating_point", "heat_map", "warning", "problem", "model")
_PATHS = ("file", "heat_map")  # columns that are written by `_name`


def write(
    files: Files, table: Path, model_dir: Path | None = None, maps: Path | None = None, check: bool = True
) -> tuple[int, int]:
    """Predict `files` into `table` (.csv or .parquet) and return the number of rows, and of those without an answer.

    `model_dir` as for `predict.predict`. With a folder `maps`, each image has its heat map there as `<stem>_<row>_heatmap.png`.
    Without `check` no image is looked at for what makes it no frontal chest radiograph. Columns: `COLUMNS`; `model` is the beginning
    of the model file's SHA-256.

    Raises:
        CxrError: the table is there already, is neither CSV nor Parquet or cannot be written; another run is at it; what an
            earlier run left is of other files or another model; the files are others when they are read than when they are
            counted; or there are no files.
    """
    table = Path(table)
    _check(table)
    if maps is not None:
        check_folder(maps)
    total = sum(1 for _ in files)
    if not total:
        raise CxrError("No image is among what was named; give files, folders, patterns in quotation marks, or --list FILE.")
    reader = _Reader(model_dir, maps, check)
    part = _part(table, maps is not None, check)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part) as handle:
            left = iter(files)
            done, failed = _resume(handle, left, reader.model_id, part)
            for row in _progress(reader.rows(left, done), done, total):
                handle.write(_line(row))
                if row["problem"]:
                    failed += 1
                done += 1
                if done % BATCH == 0:
                    handle.flush()
            handle.flush()
            os.fsync(handle.fileno())
            if done != total:
                raise CxrError(f"{total:,} files were counted, {done:,} found; run again when they stay, what is done is kept.")
            _finish(part, table)
    except OSError as error:
        place, cause = error.filename or table, error.strerror
        raise CxrError(f"{place} cannot be written ({cause}); what is done is kept: free the way and run again.") from error
    except KeyboardInterrupt:
        raise CxrError(f"Stopped; the same command goes on from {part}.") from None
    return done, failed


class _Image(NamedTuple):
    """A file with the problem that makes it no image, or with the image: as the network sees it, its small copy, whether it has
    colours, and its own pixels where a map is wanted."""

    path: Path
    problem: str
    small: np.ndarray | None = None
    thumbnail: np.ndarray | None = None
    coloured: bool = False
    pixels: np.ndarray | None = None


class _Reader:
    """A published model with what is needed to answer for a file."""

    def __init__(self, model_dir: Path | None, maps: Path | None, check: bool) -> None:
        self.model, self.card, self.rules = predict.load(model_dir)
        self.maps, self.check, self.model_id = maps, check, self.card.sha256[:12]

    def rows(self, files: Iterator[Path], first: int) -> Iterator[dict[str, object]]:
        """Yield one row per file, in order; the first is row `first` of the table."""
        with ThreadPoolExecutor(processes.cores()) as pool:
            try:
                for batch in self._batches(pool, files):
                    yield from self._answers(batch, first)
                    first += len(batch)
            finally:
                pool.shutdown(cancel_futures=True)

    def _batches(self, pool: ThreadPoolExecutor, files: Iterator[Path]) -> Iterator[list["_Image"]]:
        """Yield what is read, batch by batch: ahead of an accelerator, in turns with a network that needs all cores itself."""
        from cxr_helpers.training import devices

        if devices.on_processor():
            while paths := list(itertools.islice(files, BATCH)):
                yield list(pool.map(self._read, paths))
        else:
            read = processes.ahead(pool, self._read, files, AHEAD)
            while batch := list(itertools.islice(read, BATCH)):
                yield batch

    def _read(self, path: Path) -> "_Image":
        """Return all that is known of an image without the network."""
        try:
            read = image_files.read(path)
            small = preprocessing.VARIANTS[self.card.variant](preprocessing.resize(read.pixels, self.card.size))
            coloured = self.check and read.mode != "L" and out_of_distribution.coloured(path)
            return _Image(path, "", small, out_of_distribution.thumbnail(read.pixels), coloured, read.pixels if self.maps else None)
        except CxrError as error:
            return _Image(path, str(error))
        except Exception as error:  # whatever a decoder makes of one file, the others are answered; its words may quote tags
            return _Image(path, f"{path} is refused: it cannot be decoded ({type(error).__name__}).")

    def _answers(self, batch: list["_Image"], first: int) -> Iterator[dict[str, object]]:
        usable = [image for image in batch if not image.problem]
        scores = iter(score(self.model, np.stack([image.small for image in usable])) if usable else ())
        warnings = iter(self._warnings(usable) if usable and self.check else [""] * len(usable))
        for place, image in enumerate(batch, start=first):
            row = dict.fromkeys(COLUMNS, "") | {"file": _name(image.path), "problem": image.problem, "model": self.model_id}
            if not image.problem:
                p = float(next(scores))
                label = "PNEUMONIA" if p >= self.card.threshold else "NORMAL"
                row |= {"class": label, "probability": f"{p:.6f}", "operating_point": f"{self.card.threshold:.6f}"}
                row |= {"warning": next(warnings)}
            if image.pixels is not None:
                row["heat_map"] = _name(self._map(image.path, place, image.pixels, image.small, p))
            yield row

    def _warnings(self, images: list["_Image"]) -> list[str]:
        thumbnails = np.stack([image.thumbnail for image in images])
        return predict.warnings([image.path for image in images], thumbnails, [image.coloured for image in images], self.rules)

    def _map(self, path: Path, place: int, image: np.ndarray, small: np.ndarray, p: float) -> Path:
        from cxr_helpers.explain import gradcam, targets

        (heat_map,) = gradcam.gradcam(self.model, small[None], targets.predicted(np.array([p]), self.card.threshold))
        target = self.maps / predict.map_name(path, place)
        atomic_write(target, predict.picture(image, heat_map))
        return target


def score(model, images: np.ndarray) -> np.ndarray:
    """Return P(PNEUMONIA) float (n,) of at most `BATCH` images (n, H, W) uint8 as the model sees them."""
    from cxr_helpers.explain import targets

    full = np.zeros((BATCH, *images.shape[1:]), np.uint8)
    full[: len(images)] = images
    return model.predict_on_batch(targets.batch(model, full))[: len(images), -1]


def _check(table: Path) -> None:
    if table.suffix not in (".csv", ".parquet"):
        raise CxrError(f"{table} is neither .csv nor .parquet: give the table one of these endings.")
    if table.exists():
        raise CxrError(f"{table} is there already; give another name, or remove it to predict anew.")
    if table.suffix == ".parquet" and not importlib.util.find_spec("pyarrow"):
        raise CxrError("A Parquet table needs pyarrow: `pip install pyarrow`, or give a .csv table.")


def _part(table: Path, maps: bool, check: bool) -> Path:
    """Return where the rows are gathered; the name has the options in it, which are the same for all rows of a table."""
    ways = {(m, c): table.with_name(f"{table.name}{'.maps' * m}{'.unchecked' * (not c)}.part") for m in (0, 1) for c in (0, 1)}
    part = ways.pop((maps, check))
    for other in ways.values():
        if other.exists():
            raise CxrError(f"{other} was begun with other options; give the same, or remove it to begin anew.")
    return part


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[IO[str]]:
    """Yield `part` open for reading and appending; while it is, no other run can have it."""
    with open(part, "a+", encoding="utf-8", newline="") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CxrError(f"Another run is writing {part}; wait until it ends, or stop it.") from None
        yield handle


def _resume(handle: IO[str], files: Iterator[Path], model_id: str, part: Path) -> tuple[int, int]:
    """Advance `files` past those that `part` answers for; return the number of its rows, and of those with a problem.

    A row that was cut off is dropped. An empty file gets its header.
    """
    _drop_torn_line(part)
    handle.seek(0)
    done = failed = 0
    for number, row in enumerate(csv.reader(handle)):
        file = None if number == 0 else next(files, None)
        if row != list(COLUMNS) if number == 0 else file is None or (row[0], row[-1]) != (_name(file), model_id):
            raise CxrError(f"{part} was begun for other files or by another model; remove it to begin anew.")
        if number:
            done, failed = done + 1, failed + bool(row[COLUMNS.index("problem")])
    handle.seek(0, io.SEEK_END)
    if not handle.tell():
        handle.write(_line(dict(zip(COLUMNS, COLUMNS, strict=True))))
    return done, failed


def _drop_torn_line(part: Path) -> None:
    """Cut off what stands behind the last line end, with memory that does not grow with the file."""
    with open(part, "rb+") as handle:
        end = handle.seek(0, io.SEEK_END)
        position = end
        while position:
            start = max(0, position - 65536)
            handle.seek(start)
            found = handle.read(position - start).rfind(b"\n")
            if found >= 0:
                position = start + found + 1
                break
            position = start
        if position < end:
            handle.truncate(position)


def _name(path: Path) -> str:
    """Return a path on one line, in characters that UTF-8 has."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _line(row: dict[str, object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(row[name] if name in _PATHS else _flat(row[name]) for name in COLUMNS)
    return buffer.getvalue()


def _flat(value: object) -> str:
    """Return a value as text on one line."""
    return " ".join(str(value).encode("utf-8", "backslashreplace").decode().split())


def _progress(rows: Iterator, done: int, total: int) -> Iterator:
    interval = 0.5 if sys.stderr.isatty() else 30
    return tqdm(rows, desc="predict", unit="image", total=total, initial=done, mininterval=interval, maxinterval=2 * interval)


def _finish(part: Path, table: Path) -> None:
    if table.suffix == ".csv":
        part.replace(table)
        return
    import pyarrow as pa
    import pyarrow.csv as arrow_csv
    import pyarrow.parquet as parquet

    types = {name: pa.float64() if name in ("probability", "operating_point") else pa.string() for name in COLUMNS}
    convert = arrow_csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=False)
    with atomic_path(table) as temporary, arrow_csv.open_csv(part, convert_options=convert) as blocks:
        with parquet.ParquetWriter(temporary, blocks.schema) as writer:
            for block in blocks:
                writer.write_batch(block)
    part.unlink()
