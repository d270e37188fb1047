"""The chapters: their names, what they say they read, where their executed notebooks lie, and the data behind what they show.

These data lie in `reports/data/`: a figure or table has its CSV file, `fig-roc.csv` for `fig:roc`; a chapter has
`text-03_vgg16.csv` (its sentences and captions: cell, label, sentence) and `sources-03_vgg16.json` (the stored results that it
read -> SHA-256).
"""

import fnmatch
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from nbformat import NotebookNode

from cxr_helpers import experiments, paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError

READ_BEFORE = {"07_explainability": "10"}  # its name is fixed; it explains the model of 08 on the images of 09


def names() -> list[str]:
    """Return the names of all chapters in order, the thesis' first: 01_eda, ..., s01_other_networks, ...; none is a CxrError."""
    found = of("thesis") + of("supplement")
    if not found:
        raise CxrError(f"{paths.NOTEBOOKS} holds no chapters (01_….ipynb); restore them, or let CXR_ROOT name a checkout.")
    return found


def of(document: str) -> list[str]:
    """Return the names of the chapters of the "thesis" (01_eda, ...) or the "supplement" (s01_other_networks, ...) in order."""
    pattern = "[0-9][0-9]_*.ipynb" if document == "thesis" else "supplement/s[0-9][0-9]_*.ipynb"
    return sorted((path.stem for path in paths.NOTEBOOKS.glob(pattern)), key=lambda name: READ_BEFORE.get(name, name))


def find(text: str) -> str:
    """Return the chapter that a number, name or file means: "05", "5", "MobileNet", "05_mobilenet.ipynb"; none is a CxrError."""
    wanted = Path(text.strip().lower()).name.removesuffix(".ipynb")
    for name in names():
        number, _, title = name.partition("_")
        if wanted in (name, number, number.lstrip("0"), title):
            return name
    raise CxrError(f"Chapter {text!r} is unknown; notebooks/ has {', '.join(names())}.")


def source(chapter: str) -> Path:
    """Return the notebook of a chapter as it is written, without outputs."""
    return paths.NOTEBOOKS / ("supplement" if chapter.startswith("s") else "") / f"{chapter}.ipynb"


def executed(chapter: str, profile: str, scratch: bool = False) -> Path:
    """Return where the executed notebook lies: there is one only if every cell ran; `scratch` is of one with other parameters."""
    return paths.build(profile) / ("scratch" if scratch else "executed") / f"{chapter}.ipynb"


def reads(chapter: str, whole: bool = True) -> list[str]:
    """Return what a chapter says that it reads, in the field `cxr` of its notebook's metadata.

    Each is "experiment:NAME" (or a pattern of names) or the pattern of a file below `reports/` ("measurements/speed.csv"). What
    it `shows_if_made` counts with `whole` only: a chapter that is made alone does without. One that says nothing is a CxrError.
    """
    try:
        said = json.loads(source(chapter).read_text(encoding="utf-8"))["metadata"]["cxr"]
        return [*said["reads"], *(said.get("shows_if_made", []) if whole else [])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CxrError(f'{source(chapter)} does not say what it reads; put "cxr": {{"reads": []}} into its metadata.') from error


def experiments_read(chapter: str, profile: str, whole: bool = True) -> list[str]:
    """Return the experiments among what a chapter reads, and those whose runs they join, in the order of experiments.toml.

    A name that is none is a CxrError.
    """
    known, found, todo = experiments.load(profile), set(), []
    for entry in (entry for entry in reads(chapter, whole) if entry.startswith("experiment:")):
        if not (named := fnmatch.filter(known, entry.removeprefix("experiment:"))):
            raise CxrError(f"{source(chapter)} reads {entry!r}, which no experiment of experiments.toml is.")
        todo += named
    while todo:
        found.add(name := todo.pop())
        todo += set(known[name].configs[0].members) - found
    return [name for name in known if name in found]


def files_read(chapter: str, profile: str) -> list[Path]:
    """Return the files among what a chapter reads, as far as they are there: those of the profile, or typed for all of them."""
    patterns = [entry for entry in reads(chapter) if not entry.startswith("experiment:")]
    folders = dict.fromkeys((paths.reports(profile), paths.reports("full")))
    return sorted({path for pattern in patterns for folder in folders for path in folder.glob(pattern)})


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
