"""What the field wants said, as appendices: model card, datasheet, CLAIM and TRIPOD+AI."""

import re
import tomllib
from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import published_model
from cxr_helpers.report import tree
from cxr_helpers.report.tree import Part
from cxr_helpers.tables import formatting

FOLDER = paths.ROOT / "reports" / "checklists"
CHECKLISTS = ("claim_2024", "tripod_ai")
PIPE_TABLE = re.compile(r"^\|.*(?:\n\|.*)+", re.MULTILINE)
TITLE = re.compile(r"\A# (.*)")


def chapters(profile: str) -> list[Part]:
    """Return the appendices in the order in which the report has them; without their folder there are none.

    Raises:
        CxrError: an item of a checklist has no answer, or two.
    """
    if not FOLDER.is_dir():
        return []
    datasheet = listed("datasheet", (FOLDER / "datasheet.md").read_text(encoding="utf-8"))
    return [_card(profile), datasheet, *(_checklist(source(name)) for name in CHECKLISTS)]


def source(name: str) -> Path:
    """Return the file of a checklist."""
    return FOLDER / f"{name}.toml"


def items(file: Path) -> pd.DataFrame:
    """Return a checklist's items: number, section, topic, and either `where` (Markdown) or `not_done` (why), the other "".

    Raises:
        CxrError: an item lacks a field, or has no answer or two.
    """
    found = tomllib.loads(file.read_text(encoding="utf-8"))["item"]
    fields = ("number", "section", "topic", "where", "not_done")
    rows = pd.DataFrame([{field: item.get(field, "") for field in fields} for item in found])
    for row in rows.itertuples():
        if not (row.number and row.section and row.topic) or bool(row.where.strip()) == bool(row.not_done.strip()):
            raise CxrError(f"{file}, item {row.number or '?'}: write section, topic, and one of `where` and `not_done`.")
    return rows


def _checklist(file: Path) -> Part:
    document, rows = tomllib.loads(file.read_text(encoding="utf-8")), items(file)
    answers = rows["where"].where(rows["where"] != "", "*Not done.* " + rows.not_done)
    rows = pd.DataFrame({"Item": rows.number, "Part": rows.section, "Topic": rows.topic, "Answer": answers})
    shown = table(f"tbl:{file.stem.replace('_', '-')}", f"{document['name']}, item by item.", rows)
    return listed(file.stem, f"# {document['title']}\n\n{document['source']}\n\n{shown}")


def _card(profile: str) -> Part:
    """Return the model card, its title the same for every model and its table one with caption and number."""
    file = published_model.folder(profile) / "default.md"
    if not file.is_file():
        return listed("model_card", "# Model card\n\nNo model of this profile is published; `cxr publish` does it.")
    text = TITLE.sub(r"# Model card\n\n**\1**", file.read_text(encoding="utf-8"))
    caption = (
        "Figures of the default model on the official test images at its operating point, as its card has them; "
        "the interval of each tells what other patients could change."
    )
    boxed = PIPE_TABLE.sub(lambda match: table("tbl:model-card", caption, match[0]), text)
    return listed("model_card", boxed)


def listed(name: str, markdown: str) -> Part:
    """Return a chapter that no notebook computes, of one cell and no figures, from Markdown that begins with its title."""
    return tree.parse(name, f':::::::::: {{.cell number="1"}}\n\n{markdown}\n\n::::::::::\n')


def table(label: str, caption: str, rows, digits: int = 3) -> str:
    """Return the Markdown of a table (a frame, or Markdown of one) with label and caption, as the chapter template makes it."""
    shown = rows if isinstance(rows, str) else formatting.markdown(rows, digits)
    return f':::::: {{.table id="{label}"}}\n\n{caption}\n\n{shown}\n\n::::::'
