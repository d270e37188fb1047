"""The chapters: their names, what they say they read, and where their executed notebooks lie."""

import fnmatch
import json
from pathlib import Path

from cxr_helpers import experiments, paths
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

    Each is "experiment:NAME" (or a pattern of names), "final_model" (its candidates and what they join), "all experiments", or
    the pattern of a file below `reports/` ("measurements/speed.csv"). What it `shows_if_made` counts with `whole` only: a chapter
    that is made alone does without. A notebook that says nothing is a CxrError.
    """
    try:
        said = json.loads(source(chapter).read_text(encoding="utf-8"))["metadata"]["cxr"]
        return [*said["reads"], *(said.get("shows_if_made", []) if whole else [])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CxrError(f'{source(chapter)} does not say what it reads; put "cxr": {{"reads": []}} into its metadata.') from error


def experiments_read(chapter: str, profile: str, whole: bool = True) -> list[str]:
    """Return the experiments among what a chapter reads, in the order of experiments.toml; a name that is none is a CxrError."""
    known, found = experiments.load(profile), set()
    for entry in reads(chapter, whole):
        if entry == "all experiments":
            named = set(known)
        elif entry == "final_model":
            rows, named = experiments.of_chapter("08_final_model", profile), set()
            todo = [each.name for each in rows if each.configs[0].model == "calibrated"]
            while todo:  # these, and those whose runs they join, and those that these join
                named.add(todo.pop())
                todo += {member for name in named for member in known[name].configs[0].members} - named
        elif entry.startswith("experiment:"):
            named = set(fnmatch.filter(known, entry.removeprefix("experiment:")))
        else:  # a file
            continue
        if not named:
            raise CxrError(f"{source(chapter)} reads {entry!r}, which no experiment of experiments.toml is.")
        found |= named
    return [name for name in known if name in found]


def files_read(chapter: str, profile: str) -> list[Path]:
    """Return the files among what a chapter reads, as far as they are there: those of the profile, or typed for all of them."""
    patterns = [entry for entry in reads(chapter) if not entry.startswith(("experiment:", "final_model", "all "))]
    folders = dict.fromkeys((paths.reports(profile), paths.reports("full")))
    return sorted({path for pattern in patterns for folder in folders for path in folder.glob(pattern)})
