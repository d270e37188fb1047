"""Stored results: what is read is noted, and taken by what a chapter shows next. Nothing is measured here."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

from cxr_helpers import paths
from cxr_helpers.base import lazy
from cxr_helpers.errors import CxrError

pd = lazy.module("pandas")  # `cxr predict` answers without it

_noted: set[Path] = set()  # since something was last shown


def note(path: Path) -> None:
    """Say that the stored result at `path` is being read; a record is noted by its run.json, which has its files' hashes."""
    _noted.add(Path(path))


def sources() -> dict[str, str]:
    """Return what was read since this was last asked: path from the project's root (else as it is) -> SHA-256 (hex), sorted."""
    there = sorted(path for path in _noted if path.is_file())
    _noted.clear()
    inside = {path: path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path for path in there}
    return {name.as_posix(): digest(path) for path, name in inside.items()}


def digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(path: Path, command: str, missing_ok: bool = False) -> pd.DataFrame | dict | None:
    """Return the content of a result file (.csv, .csv.gz, .json or .toml) that `command` makes ("": written by hand).

    One that cannot be read, or is missing and `missing_ok` is not set (else None), is a CxrError that names the command.
    """
    note(path)
    try:
        if path.suffix in (".csv", ".gz"):
            return pd.read_csv(path)
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError:
        if missing_ok:
            return None
        reason = f"because it was not measured yet; run `{command}`" if command else "and is written by hand; restore it from git"
        raise CxrError(f"{path} is missing, {reason}.") from None
    except (OSError, ValueError, EOFError) as error:
        remedy = f"delete it and run `{command}`" if command else "restore it from git"
        raise CxrError(f"{path} cannot be read ({error}); {remedy}.") from error


def measurement(name: str, profile: str, missing_ok: bool = False, part: str = ".csv") -> pd.DataFrame | dict | None:
    """Return figure (its name), value, ci_low, ci_high (NaN where there is no interval) of a measurement; errors as `read`.

    `part` "_repeats.csv.gz": every repeat, as the module that measures it describes it; ".json": machine, load before (runnable
    processes), seconds, date and versions.
    """
    return read(paths.reports(profile) / "measurements" / f"{name}{part}", f"cxr measure {name} --profile {profile}", missing_ok)


def benchmark(name: str, profile: str, missing_ok: bool = False) -> dict | None:
    """Return what `cxr bench NAME` stored; errors as `read`."""
    return read(paths.reports(profile) / "benchmarks" / f"{name}.json", f"cxr bench {name} --profile {profile}", missing_ok)
