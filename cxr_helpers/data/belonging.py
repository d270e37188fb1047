"""Whose results lie among the reports: those of one set of images, which no other set reads as its own or writes over."""

import functools
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError

_OTHER = (
    "{} holds the results of another set of images than {}: set CXR_ROOT to a new folder for the results of these images, or "
    "CXR_DATA_DIR to the set that the results are of."
)
FILE = "set.json"  # beside the results of real images: `names` and `data_hash` (SHA-256) of the set that they are of


def check(profile: str, data_hash: Callable[[], str] | None = None) -> None:
    """Refuse (CxrError) the results in the reports folder where they are of another set than the real images at hand.

    A set is known by its files' names, and by `data_hash` (`manifest.data_hash`) where that is given; copies of the published
    set in another size are the same set. Where no images are at hand, results are only shown, and nothing is refused.
    """
    if profile != "full":
        return
    _check_names(paths.reports(profile), os.environ.get("CXR_DATA_DIR"))
    stored, root = (_stored(paths.reports(profile) / FILE), dataset.real()) if data_hash else ({}, None)
    # The names of a set of one's own are often numbers, as those of another one.
    if stored and root and dataset.difference(root) and data_hash() != stored.get("data_hash"):
        raise CxrError(_OTHER.format(paths.reports(profile), root))


def claim(profile: str, data_hash: Callable[[], str]) -> None:
    """Note that the results in the reports folder are of the images at hand, where they are nobody's yet; else `check`."""
    check(profile, data_hash)
    path = paths.reports(profile) / FILE
    if profile == "full" and not path.exists() and (root := dataset.real()):
        atomic_write(path, json.dumps({"names": _names(root), "data_hash": data_hash()}, indent=1) + "\n")


def _stored(path: Path) -> dict[str, str]:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise CxrError(f"{path} is broken ({error}); restore it from git.") from error


@functools.lru_cache(maxsize=8)  # asked for every record that is read
def _check_names(reports: Path, given: str | None) -> None:
    stored, root = _stored(reports / FILE), dataset.real()
    if stored and root and _names(root) != stored.get("names"):
        raise CxrError(_OTHER.format(reports, root))


def _names(root: Path) -> str:
    """Return the SHA-256 over the names of a set's images; where the published set has its val/ is no difference."""
    names = (path.relative_to(root).with_suffix("").as_posix() for path in dataset.images(root))
    lines = sorted(name.removeprefix("val/") if name.startswith("val/") else name.removeprefix("train/") for name in names)
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()
