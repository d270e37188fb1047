"""A chapter is worked in: a changed parameter or a network of one's own is trained and shown beside the record."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

from cxr_helpers import experiments, paths
from cxr_helpers.workflow import chapter_files

# Chapter -> the experiment whose values its parameters repeat.
OWN = {
    "02_preprocessing_ablation": "ablation_none",
    "03_vgg16": "vgg16_thesis",
    "04_resnet50": "resnet50_thesis",
    "05_mobilenet": "mobilenetv2_finetuned",
    "08_final_model": "mobilenetv2_final",
}
SMALL = "ablation_none"  # on synthetic images one epoch of a small network
BUILD = """
import keras

def build(configuration):
    pixels = keras.Input((configuration.size, configuration.size, 1))
    x = keras.layers.Rescaling(1 / 255)(pixels)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(x)
    x = keras.layers.Dense(1, activation="sigmoid")(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(pixels, x)

build(configuration.configs[0])  # names of layers count on: the next ones are called otherwise
"""


def parameters(chapter: str) -> dict:
    """Return the literals of a chapter's parameters."""
    notebook = nbformat.read(chapter_files.source(chapter), as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    return {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body}


@pytest.mark.parametrize(("chapter", "name"), OWN.items())
def test_parameters_are_those_of_the_experiments_row(chapter, name):
    written, set_here = experiments.written_values(name), parameters(chapter)
    assert {"epochs", "learning_rate", "dropout", "size", "start", "seeds"} <= set_here.keys()
    assert {field: set_here[field] for field in set_here.keys() & written.keys()} == {
        field: written[field] for field in set_here.keys() & written.keys()
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with synthetic images and one record, that of `SMALL`; its environment is set for kernels."""
    root = tmp_path_factory.mktemp("project")
    patch = pytest.MonkeyPatch()
    patch.setenv("CXR_ROOT", str(root))
    patch.setenv("PYTHONPATH", str(paths.ROOT))
    patch.setenv("CXR_PROFILE", "smoke")
    patch.delenv("CXR_BUILD_DIR", raising=False)
    make = (
        f"from cxr_helpers import experiments, training; training.train(experiments.get({SMALL!r}, 'smoke').configs[0], 'smoke')"
    )
    subprocess.run([sys.executable, "-c", make], env=os.environ, check=True)
    yield root
    patch.undo()


def worked(project: Path, build: str = "", **parameters) -> str:
    """Return all outputs, as text, of the VGG-16 chapter down to its results, with `SMALL` in place of VGG-16."""
    notebook = nbformat.read(chapter_files.source("03_vgg16"), as_version=4)
    end = next(place for place, cell in enumerate(notebook.cells) if cell.source.startswith("## With the thesis'"))
    notebook.cells = notebook.cells[:end]
    if build:
        (cell,) = [cell for cell in notebook.cells if cell.source.startswith("build = None")]
        cell.source = build + "\n" + cell.source.partition("\n")[2]
    given = {"profile": "smoke", "experiment": SMALL, **parameters}
    done = papermill.execute_notebook(notebook, project / "done.ipynb", given, kernel_name="python3", progress_bar=False)
    return "\n".join(str(output) for cell in done.cells for output in cell.get("outputs", []))


def runs(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("*/run.json"))


def test_unchanged_the_chapter_shows_the_record(project):
    said = worked(project)
    assert "Frozen MobileNetV2: none: ROC curve" in said and "VGG-16" not in said.replace("vgg16", "")
    assert "epoch 1 of" not in said and "beside the committed record" not in said
    assert not (project / "build" / "smoke" / "scratch").exists()


def test_changed_parameters_are_trained_and_shown_beside_the_record(project):
    committed = runs(project / "reports" / "smoke" / "runs")
    said = worked(project, epochs=2, dropout=0.4)
    assert "epoch 1 of 2" in said and "epoch 2 of 2" in said
    assert "Frozen MobileNetV2: none (epochs 2, dropout 0.4): ROC curve" in said
    assert "Frozen MobileNetV2: none (epochs 2, dropout 0.4) beside the committed record" in said
    assert "minus the committed record, paired over patients" in said
    assert runs(project / "reports" / "smoke" / "runs") == committed
    assert len(runs(project / "build" / "smoke" / "scratch" / "runs")) == 1


def test_a_network_of_ones_own_is_trained_once_and_shown_beside_the_record(project):
    said = worked(project, BUILD)
    assert "GlobalAveragePooling2D" in said and "epoch 1 of 1" in said and "(own network) beside the committed record" in said
    (kept,) = [name for name in runs(project / "build" / "smoke" / "scratch" / "runs") if name.startswith("own-")]
    again = worked(project, BUILD)
    assert "epoch 1 of" not in again and kept in runs(project / "build" / "smoke" / "scratch" / "runs")


def test_what_cannot_be_is_one_sentence(project):
    with pytest.raises(papermill.PapermillExecutionError) as raised:
        worked(project, examples=0)
    assert raised.value.ename == "CxrError" and "\n" not in raised.value.evalue
    assert raised.value.evalue.startswith("examples=0 is out of range; give a whole number from 1 to 48")
