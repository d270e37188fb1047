"""Notebooks that look as if they had just been executed, and a place to render them in."""

import shutil

import nbformat
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cxr_helpers import paths
from cxr_helpers.extras.report import checklists
from cxr_helpers.report import document, rendering
from cxr_helpers.workflow import chapter_files

FRONT_MATTER = paths.ROOT / "reports" / "front_matter.md"

CAPTION = "ROC curves of two models. The rest of the caption cites [@delong1988] and stays out of the list."


def executed(source, *outputs, tags=()):
    cell = new_code_cell(source, outputs=list(outputs), execution_count=1)
    cell.metadata["tags"] = list(tags)
    return cell


def shown(show, *arguments, **words):
    """Return a code cell whose outputs are what `show` displays."""
    outputs = []

    def collect(data, metadata):
        outputs.append(new_output("display_data", data=data, metadata=metadata))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "publish_display_data", collect)
        patch.setattr(document.stored_results, "sources", dict)  # of other tests
        show(*arguments, **words)
    return executed("secret_code()", *outputs)


def figure(label, caption=CAPTION, alt='Two "rising" curves'):
    fig, ax = plt.subplots(figsize=(2, 2))
    ax.plot([0, 1], [0, 1])
    return shown(document.figure, fig, label, caption=caption, alt=alt)


def table(label, columns=2, caption="Images by folder."):
    frame = pd.DataFrame({f"Metric {number}": ["0.981 [0.970, 0.991]"] * 3 for number in range(columns)})
    return shown(document.table, frame, label, caption=caption)


def chapter(title, *cells):
    return new_notebook(cells=[new_markdown_cell(f"# {title}"), *cells])


def first_chapter():
    return chapter(
        "Exploring the images",
        executed('profile = "auto"', tags=["parameters"]),
        executed('profile = "smoke"', tags=["injected-parameters"]),
        executed("print('noise')", new_output("stream", name="stdout", text="noise on stdout")),
        executed("draft()", new_output("display_data", data={"text/html": "<p>a draft</p>"}), tags=["remove-cell"]),
        new_markdown_cell("## Counts\n- as @tbl:images\n- and @fig:roc of @ch:02_models [@kermany2018]"),
        new_markdown_cell("$$a^2 + b^2 = c^2$$"),
        table("tbl:images"),
    )


def second_chapter():
    abstract = shown(document.text, "The best model reaches 0.982.")
    abstract.metadata["tags"] = ["abstract"]
    wide = table("tbl:wide", columns=9, caption="Everything at once.")
    return chapter("Two models", abstract, figure("fig:first"), figure("fig:roc"), wide)


def workplace(patch, root):
    """Make `root` the project's root, and return a function that puts executed chapters of a profile there."""
    (root / "reports").mkdir(parents=True, exist_ok=True)
    shutil.copy(FRONT_MATTER, root / "reports")
    for name in ("CXR_BUILD_DIR", "CXR_PROFILE"):
        patch.delenv(name, raising=False)
    patch.setattr(paths, "ROOT", root)
    patch.setattr(paths, "NOTEBOOKS", root / "notebooks")
    patch.setattr(checklists, "FOLDER", root / "checklists")
    patch.setattr(rendering, "_data", lambda profile: "7 images")

    def write(profile="smoke", **chapters):
        for name, notebook in chapters.items():
            for path in (chapter_files.source(name), chapter_files.executed(name, profile)):
                path.parent.mkdir(parents=True, exist_ok=True)
                nbformat.write(notebook, path)
            chapter_files.store(notebook, name, profile)

    return write
