"""Tables of labels as data sets publish them: CSV files and lists of names, read strictly, every complaint with its line."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cxr_helpers.errors import CxrError

_WORKBOOKS = (b"PK\3\4", b"\xd0\xcf\x11\xe0")  # how files of Excel and of other spreadsheets begin
_IMAGES = (".jpg", ".jpeg", ".png")


def read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return some columns of a CSV file as text, the index being the line in the file.

    The first of `columns` names the images: it must be filled everywhere and differ from line to line. Text is UTF-8
    (with or without its mark), UTF-16 with its mark, or else Latin-1; cells are parted by commas, semicolons or tabs, whichever
    line 1 has most of. Further columns, trailing commas and empty lines do not matter.

    Raises:
        CxrError: as in `whole_lines`; a line is short, or names no image or one that was named.
    """
    table, faults = whole_lines(path, columns)
    _refuse(path, faults)
    return table


def whole_lines(path: Path, columns: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return what `read` returns of the lines that have no fault, and the faults of the others.

    Raises:
        CxrError: the file is missing, empty or no text, lacks a column, or names one twice.
    """
    header, lines = _lines(path)
    missing = [column for column in columns if column not in header]
    if missing:
        raise CxrError(
            f"{path} lacks the column {missing[0]}: line 1 must name {', '.join(columns)}, and names "
            f"{', '.join(header) or 'nothing'}."
        )
    if twice := [column for column in columns if header.count(column) > 1]:
        raise CxrError(f"{path} names the column {twice[0]} twice; take one away.")
    places = [header.index(column) for column in columns]
    short = {line: cells for line, cells in lines.items() if len(cells) <= max(places)}
    faults = [
        f"line {line}: {len(cells)} cells do not reach the column {header[max(places)]}; mend the line"
        for line, cells in short.items()
    ]
    rows = {line: [cells[place].strip() for place in places] for line, cells in lines.items() if line not in short}
    table = pd.DataFrame(list(rows.values()), list(rows), columns, dtype=object)
    wrong = _wrong_names(table[columns[0]], f"column {columns[0]}")
    return table.drop(list(wrong)), faults + list(wrong.values())


def header(path: Path) -> list[str]:
    """Return the names of a table's columns; errors as in `read`."""
    return _lines(path)[0]


def read_names(path: Path) -> pd.Series:
    """Return the names of a list, one a line, the index being the line in the file; errors as in `read`."""
    lines = {number: line.strip() for number, line in enumerate(_text(path).splitlines(), start=1)}
    names = pd.Series({number: line for number, line in lines.items() if line}, dtype=object)
    _refuse(path, list(_wrong_names(names, "the list").values()))
    return names


def listed(root: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return some columns of the table `root`/`name`, and path; the first column names every image below `root`, and no other.

    Raises:
        CxrError: as in `read`; an image that the table names is missing, or one that lies there is not named.
    """
    table = read(root / name, columns)
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.suffix.lower() in _IMAGES}
    named = table[columns[0]]
    found = table.assign(path=locate(named, root / name, files, root))
    if unnamed := sorted(files.keys() - set(named)):
        raise CxrError(f"{root / unnamed[0]} has no line in {root / name} ({len(unnamed):,} have none); add it or move it away.")
    return found


def locate(names: pd.Series, table: Path, files: Mapping[str, Path], folder: Path) -> list[str]:
    """Return the path of every named image; `files` maps the names of those that lie below `folder` to their paths.

    Raises:
        CxrError: an image is not there; the sentence names the first, its line, and how many are missing.
    """
    absent = names[~names.isin(list(files))]
    if len(absent):
        raise CxrError(
            f"{table}, line {absent.index[0]}: the image {absent.iloc[0]} is not below {folder} ({len(absent):,} of "
            f"{len(names):,} named images are missing); put them there, or take their lines out."
        )
    return [str(files[name]) for name in names]


def _lines(path: Path) -> tuple[list[str], dict[int, list[str]]]:
    """Return the cells of the first line, and by line number those of every other line that is not empty."""
    text = _text(path)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        rows = dict((reader.line_num, cells) for cells in reader if any(map(str.strip, cells)))
    except csv.Error as error:
        raise CxrError(f"{path}, line {reader.line_num}: no CSV ({error}); save the table as comma-separated text.") from error
    if len(rows) < 2:
        raise CxrError(f"{path} holds no table: it needs a line of column names and a line for every image.")
    return [name.strip() for name in rows.pop(next(iter(rows)))], rows


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise CxrError(f"{path} is no file; name a table on this machine.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CxrError(f"{path} cannot be read ({error.strerror}); name a table on this machine.") from error
    if data.startswith(_WORKBOOKS):
        remedy = "open it and save the sheet as CSV UTF-8 (File, Save As), and give that file"
        raise CxrError(f"{path} is a workbook or an archive; {remedy}.")
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "latin-1"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise CxrError(f"{path} is no text; save the table as comma-separated text in UTF-8.")


def _wrong_names(names: pd.Series, place: str) -> dict[int, str]:
    """Return by line the fault of each image without a name, and of each that is named again."""
    wrong = (names == "") | names.duplicated()
    said = {line: f"{name} is named a second time" if name else "no image is named" for line, name in names[wrong].items()}
    return {line: f"line {line}, {place}: {words}; every image has one line" for line, words in said.items()}


def _refuse(path: Path, faults: Sequence[str]) -> None:
    """Raise a CxrError that says the first of `faults`, and how many there are."""
    if faults:
        raise CxrError(f"{path}, {faults[0]}{f' ({len(faults):,} lines have a fault)' if len(faults) > 1 else ''}.")
