"""reports/licences.csv: the licence of every pinned package, as its own metadata says. CXR_LICENCES=write makes it anew."""

import importlib.metadata
import os
import re

import pandas as pd

from cxr_helpers import paths

FILE = paths.ROOT / "reports" / "licences.csv"
COPYLEFT = re.compile(r"\b(?:A?GPL|GNU (?:Affero )?General Public)", re.IGNORECASE)  # the Lesser one allows use as a library


def pinned() -> dict[str, str]:
    lock = (paths.ROOT / "requirements.test.lock.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock, re.MULTILINE))


def licence(name: str, version: str) -> str:
    """Return what a package's metadata says of its licence, "" where that version is not installed here or says nothing."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    if metadata["Version"] != version:
        return ""
    classified = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if line.startswith("License :: ")]
    first = ((metadata.get("License") or "").strip().splitlines() or [""])[0][:80]
    return metadata.get("License-Expression") or "; ".join(classified) or first


def test_every_pinned_package_has_a_licence_and_it_is_listed():
    packages = pinned()
    if os.environ.get("CXR_LICENCES") == "write":
        rows = [(name, version, licence(name, version)) for name, version in sorted(packages.items())]
        pd.DataFrame(rows, columns=["package", "version", "licence"]).to_csv(FILE, index=False, lineterminator="\n")
    table = pd.read_csv(FILE, dtype=str, keep_default_na=False)
    assert dict(zip(table.package, table.version, strict=True)) == packages, f"CXR_LICENCES=write writes {FILE} anew"
    assert (table.licence != "").mean() > 0.85
    for name, version, listed in zip(table.package, table.version, table.licence, strict=True):
        assert listed in ("", licence(name, version) or listed), name  # "": was not installed where the table was written


def test_no_package_is_under_a_licence_that_would_bind_the_project():
    table = pd.read_csv(FILE, dtype=str, keep_default_na=False)
    bound = table[table.licence.str.contains(COPYLEFT) & ~table.licence.str.contains("Lesser|LGPL|MIT|BSD|Apache")]
    assert bound.empty, bound
