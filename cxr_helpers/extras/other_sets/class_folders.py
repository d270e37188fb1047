"""Sets whose classes are folders, whatever the folders are called: root/CLASS/files or root/train/CLASS/files."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from cxr_helpers.base.progress import printable, say
from cxr_helpers.data.dataset import visible
from cxr_helpers.errors import CxrError

SPLITS = {
    **{"train": "train", "training": "train"},
    **{"val": "val", "valid": "val", "validation": "val"},
    **{"test": "test", "testing": "test"},
}


def read(root: Path, classes: Mapping[str, int]) -> pd.DataFrame:
    """Return the images below `root`: image_id (path below it), patient_id (the same), path, split ("" if none) and y_true.

    Args:
        root: the folder of the classes or of the parts, or one that holds nothing but that folder.
        classes: name of a class folder in lower case -> 0 or 1; several names may mean one class, and folders may be
            written in capitals.

    Raises:
        CxrError: a folder is missing, empty or of an unknown name, or one of the two classes has no folder.
    """
    if not root.is_dir():
        raise CxrError(f"{root} is no folder: give the one that holds {_wanted(classes)}.")
    while not (named := _known(root, {*classes, *SPLITS})) and len(_folders(root)) == 1:
        root = _folders(root)[0]  # an archive often unpacks into a folder of its own
    parts = [folder for folder in named if folder.name.lower() in SPLITS]
    if parts and len(parts) < len(named):
        raise CxrError(f"{root} holds parts ({parts[0].name}) and classes side by side: put every class folder into a part.")
    rows = [
        {"image_id": (name := file.relative_to(root).as_posix()), "patient_id": name, "path": str(file), "split": split}
        | {"y_true": y_true}
        for folder, split in ([(part, SPLITS[part.name.lower()]) for part in parts] or [(root, "")])
        for file, y_true in _files(folder, classes)
    ]
    return pd.DataFrame(rows)


def _files(folder: Path, classes: Mapping[str, int]) -> list[tuple[Path, int]]:
    """Return the files of the class folders in `folder`, each with its class."""
    named = _known(folder, classes)
    if {classes[entry.name.lower()] for entry in named} != set(classes.values()):
        raise CxrError(f"{folder} lacks a class: it must hold {_wanted(classes)}.")
    for entry in _folders(folder):
        # Kaggle's brain tumour archive holds the whole set once more in a folder of its own.
        if entry not in named and not _known(entry, classes):
            raise CxrError(f"{entry} is no known class: the folders may be called {', '.join(classes)}.")
    found = []
    for entry in named:
        files = [file for file in sorted(entry.rglob("*")) if not file.is_dir() and not _hidden(file.relative_to(entry))]
        if below := sum(file.parent != entry for file in files):
            say(f"{below:,} of {len(files):,} files of {printable(entry)} lie in folders below it, and are read, too")
        if not files:
            raise CxrError(f"{entry} is empty: put its images there, or fetch the set anew.")
        found += [(file, classes[entry.name.lower()]) for file in files]
    return found


def _hidden(path: Path) -> bool:
    return any(part[0] == "." or part == "__MACOSX" for part in path.parts)


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in visible(folder) if entry.is_dir()]


def _known(folder: Path, names: Collection[str]) -> list[Path]:
    return [entry for entry in _folders(folder) if entry.name.lower() in names]


def _wanted(classes: Mapping[str, int]) -> str:
    """Return the class folders that are looked for, as "no or normal, and yes or abnormal"."""
    groups = {value: [name for name, other in classes.items() if other == value] for value in classes.values()}
    return ", and ".join(" or ".join(names) for names in groups.values())
