"""reports/faults.csv: what each fault came to, as the tests saw it. CXR_FAULTS=write has them write it, else they compare."""

import fcntl
import os
import re
from pathlib import Path

import pandas as pd

from cxr_helpers import paths

FILE = paths.ROOT / "reports" / "faults.csv"
COLUMNS = ["fault", "command", "outcome", "test"]


def came_to(fault: str, command: str, outcome: str, *hidden: Path) -> None:
    """Hold the outcome of a fault against the table; the paths `hidden` are written as …, times of day left out."""
    for path in sorted(map(str, hidden), key=len, reverse=True):
        outcome = outcome.replace(path, "…")
    outcome = re.sub(r"\b\d\d:\d\d:\d\d ", "", outcome).strip()
    test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" (")[0]
    row = pd.Series([fault, command, outcome, test], COLUMNS)
    if os.environ.get("CXR_FAULTS") == "write":
        _write(row)
    stored = _read()
    assert stored[stored.fault == fault].to_dict("records") == [row.to_dict()], f"CXR_FAULTS=write writes {FILE} anew"


def _read() -> pd.DataFrame:
    return pd.read_csv(FILE, dtype=str, keep_default_na=False) if FILE.is_file() else pd.DataFrame(columns=COLUMNS, dtype=str)


def _write(row: pd.Series) -> None:
    with open(paths.ROOT / "build" / "faults.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        table = _read()
        table = pd.concat([table[table.fault != row.fault], row.to_frame().T])
        table.sort_values(["test", "fault"]).to_csv(FILE, index=False, lineterminator="\n")
