"""The chapters: their names, and where their executed notebooks lie."""

from pathlib import Path

from cxr_helpers import paths
from cxr_helpers.errors import CxrError


def names() -> list[str]:
    """Return the names of all chapters in order, the thesis' first: 01_eda, ..., s01_other_networks, ...; none is a CxrError."""
    found = thesis() + supplement()
    if not found:
        raise CxrError(f"{paths.NOTEBOOKS} holds no chapters (01_….ipynb); restore them from git.")
    return found


def thesis() -> list[str]:
    """Return the names of the thesis' chapters in order: 01_eda, 02_preprocessing_ablation, ..."""
    return sorted(path.stem for path in paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def supplement() -> list[str]:
    """Return the names of the supplement's chapters in order: s01_other_networks, ..."""
    return sorted(path.stem for path in _supplement().glob("s[0-9][0-9]_*.ipynb"))


def find(text: str) -> str:
    """Return the chapter that a number or name means: "05", "5", "mobilenet" and "05_mobilenet" are one.

    Raises:
        CxrError: there is none; the sentence lists those there are.
    """
    for name in names():
        number, _, title = name.partition("_")
        if text in (name, number, number.lstrip("0"), title):
            return name
    raise CxrError(f"Chapter {text!r} is unknown; notebooks/ has {', '.join(names())}.")


def source(chapter: str) -> Path:
    """Return the notebook of a chapter as it is written, without outputs."""
    return (_supplement() if chapter.startswith("s") else paths.NOTEBOOKS) / f"{chapter}.ipynb"


def executed(chapter: str, profile: str) -> Path:
    """Return where the executed notebook lies: there is one only if every cell ran."""
    return paths.build(profile) / "executed" / f"{chapter}.ipynb"


def partial(chapter: str, profile: str) -> Path:
    """Return where the notebook lies while it runs, and stays, with its traceback, if a cell fails."""
    return executed(chapter, profile).with_suffix(".partial.ipynb")


def _supplement() -> Path:
    return paths.NOTEBOOKS / "supplement"
