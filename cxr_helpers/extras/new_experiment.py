"""A row of experiments.toml and a chapter to report it, to begin an experiment with."""

import json
import re
import tomllib
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from cxr_helpers import experiments, paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.workflow import chapter_files

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_WAITS = "its first run"  # until it is made by hand, the workflow does not train it
_LOAD = """\
from cxr_helpers import experiments, plots, records
from cxr_helpers.data import dataset
from cxr_helpers.report import document
from cxr_helpers.tables import results

profile = dataset.resolve_profile(profile)
made = records.recorded_way(experiments.get(system, profile), profile)"""
_SHOW = """\
if made:
    runs, beside = records.of(system, profile), records.of(reference, profile)
    table = results.system_table({name: results.scores(part) for name, part in ((system, runs), (reference, beside))})
    document.table(table, "tbl:LABEL", caption=f"*{system}* beside *{reference}* on the test images at 0.5.")
else:
    document.text(f"The row waits for its run: `cxr train {system}`.")"""
_TRY = """\
another = 0.3  # a threshold
plots.confusion_matrices({f"at {another}": (records.of(reference, profile)[0].split("test"), another)})"""


def create(name: str, like: str) -> tuple[str, Path]:
    """Add a system that starts as a copy of `like`, and a chapter that sets it beside `like`; return (chapter, its notebook).

    Raises:
        CxrError: the name is no name for a system or is taken, or `like` is unknown or makes several systems.
    """
    document = tomllib.loads(experiments.FILE.read_text(encoding="utf-8"))
    if not NAME.fullmatch(name):
        raise CxrError(f"Name {name!r} is none for a system; write lower-case words joined by underscores, as my_idea.")
    if name in document or name in experiments.load("full"):
        raise CxrError(f"{name!r} is there already, in experiments.toml; choose another name.")
    if like not in document or "variants" in document[like]:
        rows = ", ".join(key for key, row in document.items() if "config" in row and "variants" not in row)
        raise CxrError(f"--like {like!r} is no single row of experiments.toml; it has {rows}.")
    chapter = f"{int(chapter_files.names()[-1][:2]) + 1:02d}_{name}"
    path = paths.NOTEBOOKS / f"{chapter}.ipynb"
    atomic_write(path, nbformat.writes(_notebook(name, like), indent=1) + "\n")
    text = experiments.FILE.read_text(encoding="utf-8").rstrip("\n")
    atomic_write(experiments.FILE, f"{text}\n\n{_row(name, chapter, document[like])}")
    return chapter, path


def _row(name: str, chapter: str, like: dict) -> str:
    kept = {key: like[key] for key in ("seeds", "protocols") if key in like}
    row = {"title": _title(name), "chapter": chapter} | kept | {"waits_for": _WAITS, "config": like["config"]}
    if "smoke" in like:
        row["smoke"] = like["smoke"]
    return "\n".join([f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in row.items())]) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)  # text, numbers, truth values and lists of them are the same in TOML


def _notebook(name: str, like: str) -> nbformat.NotebookNode:
    parameters = f"""\
profile = "auto"  # full (real images), smoke (synthetic images) or auto
system = "{name}"  # a row of cxr_helpers/experiments.toml
reference = "{like}"  # what it is compared with"""
    opening = f"# {_title(name)}\n\n**Question.** What does it change?\n\n"
    opening += f"**Needs.** The records of `{name}` and `{like}`. **Takes** seconds from these."
    trying = "## Try this\n\nChange the first line to see another threshold. "
    trying += "This cell reads the records and writes none, and is no part of the report."
    cells = [
        new_markdown_cell(opening),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        new_code_cell(_LOAD),
        new_markdown_cell("## Result"),
        new_code_cell(_SHOW.replace("LABEL", name.replace("_", "-"))),
        new_markdown_cell("## Reading"),
        new_markdown_cell(trying, metadata={"tags": ["remove-cell"]}),
        new_code_cell(_TRY, metadata={"tags": ["remove-cell", "try-this"]}),
    ]
    for number, cell in enumerate(cells, 1):
        cell.id = f"cell-{number:02d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
