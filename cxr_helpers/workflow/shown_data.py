"""`reports/data/`: the numbers behind each figure and table, the computed sentences, and the stored results behind a chapter.

A figure or table has its CSV file, `fig-roc.csv` for `fig:roc`. A chapter has `text-03_vgg16.csv` (its sentences and captions:
cell, label, sentence) and `sources-03_vgg16.json` (the stored results that it read -> SHA-256).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from nbformat import NotebookNode

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write


def folder(profile: str) -> Path:
    """Return where the data of a profile's report lie."""
    return paths.reports(profile) / "data"


def file_name(label: str) -> str:
    """Return the name of a figure's or table's file."""
    return f"{label.replace(':', '-')}.csv"


def numbered(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Yield the cells with their numbers in the source notebook, where the cell that papermill injects does not exist."""
    number = 0
    for cell in notebook.cells:
        number += "injected-parameters" not in cell.metadata.get("tags", [])
        yield number, cell


def shown(notebook: NotebookNode) -> Iterator[tuple[int, dict, dict]]:
    """Yield (cell, what is noted of it, its contents by MIME type) of every figure, table and computed sentence."""
    for number, cell in numbered(notebook):
        for output in cell.get("outputs", []):
            note = output.get("metadata", {}).get("cxr", {})
            if note.get("kind") in ("figure", "table", "text"):
                yield number, note, output.data


def files(notebook: NotebookNode, chapter: str) -> dict[str, str]:
    """Return the data files of an executed chapter: name -> content."""
    found, sentences, hashes = {}, [], {}
    for cell, note, data in shown(notebook):
        label = note.get("label", "")
        sentence = note["caption"] if label else data["text/markdown"]
        sentences.append((cell, label, " ".join(sentence.split())))
        hashes |= note["sources"]
        if label:
            found[file_name(label)] = data["text/csv"]
    table = pd.DataFrame(sentences, columns=["cell", "label", "sentence"])
    found[f"text-{chapter}.csv"] = table.to_csv(index=False, lineterminator="\n")
    return found | {f"sources-{chapter}.json": json.dumps(hashes, indent=1, ensure_ascii=False, sort_keys=True) + "\n"}


def store(notebook: NotebookNode, chapter: str, profile: str) -> None:
    """Write the data files of an executed chapter, and remove those of what it shows no more."""
    new = files(notebook, chapter)
    for label in sentences(chapter, profile).label:
        if label and file_name(label) not in new:
            (folder(profile) / file_name(label)).unlink(missing_ok=True)
    for name, content in new.items():
        atomic_write(folder(profile) / name, content)


def sentences(chapter: str, profile: str) -> pd.DataFrame:
    """Return what a chapter says: cell, label ("" of what has none), sentence or caption; no row where it was never stored."""
    path = folder(profile) / f"text-{chapter}.csv"
    return pd.read_csv(path, keep_default_na=False) if path.is_file() else pd.DataFrame(columns=["cell", "label", "sentence"])


def sources(chapter: str, profile: str) -> dict[str, str]:
    """Return the stored results that a chapter read: path from the project's root -> SHA-256 (hex)."""
    path = folder(profile) / f"sources-{chapter}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
