"""A new experiment: its row is that of the one it starts from, its chapter obeys the rules, and nothing half is left."""

import shutil

import nbformat
import pytest

from cxr_helpers import experiments, paths
from cxr_helpers.errors import CxrError
from cxr_helpers.extras import new_experiment
from cxr_helpers.workflow import chapter_files


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of the rows and the chapters."""
    shutil.copy(experiments.FILE, tmp_path / "experiments.toml")
    shutil.copytree(paths.NOTEBOOKS, tmp_path / "notebooks")
    monkeypatch.setattr(experiments, "FILE", tmp_path / "experiments.toml")
    monkeypatch.setattr(experiments.load, "__defaults__", (tmp_path / "experiments.toml",))
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    return tmp_path


@pytest.mark.parametrize("like", ["mobilenetv2_finetuned", "ensemble_seeds", "mobilenetv2_cv", "vgg16_thesis"])
def test_it_starts_as_a_copy_that_waits_for_its_first_run(checkout, like):
    before = experiments.load("full")
    chapter, path = new_experiment.create("my_idea", like)
    after = experiments.load("full")
    assert set(after) - set(before) == {"my_idea"} and all(after[name] == row for name, row in before.items())
    made = after["my_idea"]
    assert made.configs == before[like].configs and made.chapter == chapter and made.waits_for and not made.source
    assert experiments.load("smoke")["my_idea"].configs == experiments.load("smoke")[like].configs
    assert path.is_file() and chapter_files.names()[-1] == chapter


def test_its_chapter_is_one(checkout):
    _, path = new_experiment.create("my_idea", "mobilenetv2_finetuned")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].source.startswith("# My idea\n\n**Question.**")
    tagged = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1 and 'system = "my_idea"' in tagged[0]
    assert '"tbl:my-idea"' in notebook.cells[4].source and "try-this" in notebook.cells[-1].metadata.tags


@pytest.mark.parametrize(
    ("name", "like", "words"),
    [
        ("My Idea", "vgg16_thesis", "lower-case"),
        ("vgg16_thesis", "vgg16_thesis", "there already"),
        ("recipe", "vgg16_thesis", "there already"),  # a row of variants: no system of that name, but a table
        ("smoke", "vgg16_thesis", "there already"),
        ("mine", "nobody", "no single row"),
    ],
)
def test_what_cannot_be_begun_changes_nothing(checkout, name, like, words):
    before = experiments.FILE.read_text(), chapter_files.names()
    with pytest.raises(CxrError, match=words):
        new_experiment.create(name, like)
    assert (experiments.FILE.read_text(), chapter_files.names()) == before
