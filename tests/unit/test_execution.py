"""Chapters of a few lines, executed as the workflow executes them."""

import json
import sys

import nbformat
import papermill
import pytest
from checkouts import write_chapter

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.workflow import chapter_files, execution


@pytest.fixture
def folder(workplace, monkeypatch):
    """An empty folder of chapters, and a build folder beside it, both with a space in their path."""
    monkeypatch.setattr(paths, "NOTEBOOKS", workplace / "all notebooks")
    monkeypatch.setenv("CXR_BUILD_DIR", str(workplace / "build here"))
    return workplace / "all notebooks"


def printed(path) -> str:
    """Return what the executed cells printed."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return "".join(output.text for cell in cells for output in cell.outputs if output.output_type == "stream")


def test_the_profile_reaches_the_chapter_and_its_source_stays(folder):
    source = write_chapter(folder, "01_eda", "print(profile)")
    before = source.read_bytes()
    target = execution.execute("01_eda", "smoke")
    assert target == chapter_files.executed("01_eda", "smoke")
    assert printed(target) == "smoke\n"
    assert source.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["01_eda.ipynb"]


def test_the_kernel_is_this_python_whatever_specs_and_folder_there_are(folder, tmp_path, monkeypatch):
    foreign = tmp_path / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "another Python", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.chdir("/")
    write_chapter(folder, "01_eda", "import os, sys; print(sys.executable, os.getcwd(), sep='\\n')")
    assert printed(execution.execute("01_eda", "smoke")) == f"{sys.executable}\n{folder}\n"


def test_figures_are_shown_in_the_notebook_although_tests_run_without_a_screen(folder, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    write_chapter(folder, "01_eda", "from matplotlib import pyplot as plt\nplt.plot([1, 2]);")
    cell = nbformat.read(execution.execute("01_eda", "smoke"), as_version=4).cells[-1]
    assert any("image/png" in output.get("data", {}) for output in cell.outputs)


@pytest.mark.parametrize(("code", "cell"), [(("1 / 0",), 3), (("print(1)", "1 / 0", "print(2)"), 4)])
def test_a_failing_cell_is_named_and_what_was_there_before_stays(folder, code, cell):
    write_chapter(folder, "01_eda", "print('before')")
    target = execution.execute("01_eda", "smoke")
    write_chapter(folder, "01_eda", *code)
    with pytest.raises(CxrError, match=f"Chapter 01_eda, cell {cell} failed with ZeroDivisionError: division by zero") as error:
        execution.execute("01_eda", "smoke")
    assert printed(target) == "before\n"
    partial = chapter_files.executed("01_eda", "smoke").with_suffix(".partial.ipynb")
    assert str(partial) in str(error.value) and "ZeroDivisionError" in partial.read_text()


def test_a_failing_parameters_cell_is_counted_right(folder):
    write_chapter(folder, "01_eda", parameters='profile = "auto"\n1 / 0')
    with pytest.raises(CxrError, match="cell 2 failed with ZeroDivisionError"):
        execution.execute("01_eda", "smoke")


def test_an_unknown_parameter_is_an_error(folder):
    write_chapter(folder, "01_eda", parameters="epochs = 3\nseed = 0")
    with pytest.raises(CxrError, match="no parameter `profile`.*epochs, seed"):
        execution.execute("01_eda", "smoke")


@pytest.mark.parametrize("content", ["", "{}", "not a notebook"])
def test_a_broken_file_is_no_notebook(folder, content):
    folder.mkdir()
    (folder / "01_eda.ipynb").write_text(content)
    with pytest.raises(CxrError, match="01_eda"):
        execution.execute("01_eda", "smoke")


@pytest.mark.parametrize("text", ["05", "5", "mobilenet", "05_mobilenet", "MobileNet", " 05 ", "notebooks/05_mobilenet.ipynb"])
def test_a_chapter_is_found_by_number_name_or_file(folder, text):
    for name in ("05_mobilenet", "01_eda"):
        write_chapter(folder, name)
    assert chapter_files.names() == ["01_eda", "05_mobilenet"]
    assert chapter_files.find(text) == "05_mobilenet"


@pytest.mark.parametrize("text", ["0", "9", "net", ""])
def test_an_unknown_chapter_lists_those_there_are(folder, text):
    write_chapter(folder, "01_eda")
    with pytest.raises(CxrError, match="01_eda"):
        chapter_files.find(text)


def says_that_it_reads(folder, name, **said):
    path = write_chapter(folder, name)
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["cxr"] = said
    nbformat.write(notebook, path)


def test_a_chapter_says_what_it_reads(folder):
    said = ["experiment:vgg16_*", "experiment:resnet50_thesis", "measurements/speed.csv", "published*.csv"]
    says_that_it_reads(folder, "01_eda", reads=said, shows_if_made=["experiment:calibrated_*"])
    whole, alone = (chapter_files.experiments_read("01_eda", "smoke", whole) for whole in (True, False))
    assert {"vgg16_thesis", "vgg16_224", "resnet50_thesis"} <= set(alone) and not {"calibrated_ensemble", "resnet50_depth"} & set(
        alone
    )
    assert {"calibrated_ensemble", "recipe_mobilenet"} <= set(whole) and "recipe_crop" not in whole
    (paths.reports("smoke") / "measurements").mkdir(parents=True)
    typed, measured = paths.reports("full") / "published_b.csv", paths.reports("smoke") / "measurements" / "speed.csv"
    for path in (typed, measured):
        path.write_text("x\n1\n")
    assert chapter_files.files_read("01_eda", "smoke") == sorted([typed, measured])


def test_a_chapter_that_says_nothing_or_reads_an_unknown_experiment_is_told(folder):
    path = write_chapter(folder, "01_eda")
    path.write_text(path.read_text().replace('"cxr"', '"other"'))
    with pytest.raises(CxrError, match="01_eda.ipynb does not say what it reads"):
        chapter_files.reads("01_eda")
    says_that_it_reads(folder, "01_eda", reads=["experiment:vgg17"])
    with pytest.raises(CxrError, match="'experiment:vgg17', which no experiment"):
        chapter_files.experiments_read("01_eda", "smoke")


def test_changed_parameters_are_tried_out_beside_the_report(folder):
    write_chapter(folder, "01_eda", "print(profile, epochs)", parameters='profile = "auto"\nepochs = 20')
    report = execution.execute("01_eda", "smoke")
    tried = execution.execute("01_eda", "smoke", {"epochs": 3})
    assert printed(tried) == "smoke 3\n" and printed(report) == "smoke 20\n" and tried.parent.name == "scratch"
    with pytest.raises(CxrError, match="no parameter `epoch`.*profile, epochs"):
        execution.execute("01_eda", "smoke", {"epoch": 3})


@pytest.mark.parametrize("failures", [1, 2])
def test_a_kernel_that_dies_before_its_first_answer_is_started_once_more(folder, monkeypatch, failures):
    write_chapter(folder, "01_eda", "print(profile)")
    whole, left = papermill.execute_notebook, [failures]

    def unlucky(*arguments, **options):
        left[0] -= 1
        if left[0] >= 0:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return whole(*arguments, **options)

    monkeypatch.setattr(papermill, "execute_notebook", unlucky)
    if failures == 1:
        assert printed(execution.execute("01_eda", "smoke")) == "smoke\n"
    else:
        with pytest.raises(CxrError, match="01_eda found no kernel .*died before.*run it again"):
            execution.execute("01_eda", "smoke")
