"""The console script: what it answers, what it refuses, and what it does not import to do so."""

import ast
import dataclasses
import logging
import os
import signal
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from typer.testing import CliRunner

from cxr_helpers import __main__, cli, experiments, paths, records
from cxr_helpers.base import environment
from cxr_helpers.config import Config
from cxr_helpers.data import manifest, packing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras import commands
from cxr_helpers.extras.inference import out_of_distribution, predict, published_model
from cxr_helpers.extras.saliency import explain_page
from cxr_helpers.tables import selection
from cxr_helpers.workflow import pipeline

HEAVY = ("keras", "tensorflow", "jax", "torch", "shap", "pandas", "numpy", "cv2", "matplotlib", "papermill", "snakemake")
EXPERIMENT = """
[mini]
title = "Mini"
chapter = "05_mobilenet"
seeds = [0, 1]
config = { model = "custom_cnn" }
"""


CHANGED = [*("-p", "epochs", "3", "-p", "dropout", "0.2"), *("-p", "seeds", "[0, 1]", "-p", "start", "random")]


def invoke(*arguments):
    return CliRunner().invoke(cli.app, list(map(str, arguments)))


@pytest.fixture
def calls(workplace, monkeypatch):
    """One experiment of two seeds and no record, and a training that only notes its calls; return these."""
    file = workplace / "experiments.toml"
    file.write_text(EXPERIMENT)
    read = experiments.load
    monkeypatch.setattr(experiments, "load", lambda profile: read(profile, file))
    noted = []

    def train(config, profile, retrain=False):
        noted.append((config.seed, retrain))
        scores = pd.DataFrame([("a", "p", "test", 1, 0.5)], columns=records.SCORE_COLUMNS)
        info = {"initialisation": "random", "device": "CPU", "pixels": "synthetic image", "wall_time_s": 90}
        return records.write(config, profile, info, {"history": pd.DataFrame({"epoch": [0, 1]}), "scores": scores})

    monkeypatch.setattr(cli, "training", types.SimpleNamespace(train=train))
    return noted


def test_help_lists_the_commands_and_imports_nothing_heavy():
    code = (
        "import sys; from cxr_helpers import cli\n"
        "try: cli.app(['--help'])\n"
        f"finally: print([name for name in {HEAVY} if type(sys.modules.get(name)) is type(sys)])"  # others wait for their use
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    commands = ("report", "test", "prepare", "train", "runs", "execute", "render", "trace", "verify")
    commands += ("measure", "rescore", "publish", "predict", "score", "import", "bench")
    for command in commands:
        assert f"  {command} " in done.stdout


def test_an_expected_error_is_one_sentence_and_status_1():
    command = [sys.executable, "-m", "cxr_helpers", "train", "nosuch", "--profile", "smoke"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("cxr: ") and "nosuch" in done.stderr


def test_tensorflow_warns_of_no_retracing_and_its_errors_are_told():
    logger = logging.getLogger("tensorflow")
    records = [logger.makeRecord(logger.name, level, "", 0, "retracing", (), None) for level in (logging.WARNING, logging.ERROR)]
    assert [bool(logger.filter(each)) for each in records] == [False, True]


@pytest.mark.parametrize("place", ["while it is imported", "in a command"])
def test_ctrl_c_gives_one_line(place, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["cxr", "prepare", "--profile", "smoke"])
    monkeypatch.setattr(*((cli, "main") if place == "while it is imported" else (manifest, "load")), interrupted)
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == __main__.INTERRUPTED
    assert capsys.readouterr().err.split("\n") == ["", "cxr: Stopped. The same command goes on from what was finished.", ""]


def test_ctrl_c_ends_all_that_the_workflow_started():
    waits = "import time; time.sleep(60)"
    child = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {waits!r}]).pid, flush=True); {waits}"
    lock = "os.open(os.devnull, os.O_RDONLY)"
    code = f"import os, sys; from cxr_helpers.workflow import pipeline; pipeline._work([sys.executable, '-c', {child!r}], {lock})"
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell lets what it starts in the background ignore Ctrl-C.
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    work = subprocess.Popen([sys.executable, "-c", code], preexec_fn=heard, **told)
    grandchild = psutil.Process(int(work.stdout.readline()))
    work.send_signal(signal.SIGINT)
    assert work.communicate(timeout=60)[1].endswith("KeyboardInterrupt\n")  # of the parent, which `__main__` turns into a line
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_workflow_that_is_asked_to_end_says_so_and_points_at_no_cause(monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda number, handler: number == signal.SIGTERM and handler())  # as if at once
    with pytest.raises(CxrError, match="^Stopped; the same command goes on from here.$"):
        pipeline._work([sys.executable, "-c", "import time; time.sleep(60)"], os.open(os.devnull, os.O_RDONLY))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict"], "No image is named"),
        (["execute", "01", "02", "--profile", "smoke"], "2 are named (01 02)"),
        (["execute", "01", "-p", "epochs", "--profile", "smoke"], "-p takes a parameter's name and its value"),
        (["predict", "."], "Folders, patterns and lists go into a table"),
        (["predict", ".", "--table", "out.txt"], "out.txt does not end in .csv"),
    ],
)
def test_a_command_that_lacks_something_says_so(arguments, words):
    result = invoke(*arguments)
    assert isinstance(result.exception, CxrError) and words in str(result.exception)


@pytest.mark.parametrize("arguments", [["runs"], ["execute", "01"], ["render"], ["train", "mini"], ["prepare"], ["report"]])
def test_every_command_refuses_an_unknown_profile(arguments):
    result = invoke(*arguments, "--profile", "real")
    assert isinstance(result.exception, CxrError) and "real" in str(result.exception)


def test_an_unknown_document_is_refused():
    assert "choose one of thesis, supplement" in str(invoke("render", "letter", "--profile", "smoke").exception)


def test_execute_takes_parameters_of_the_chapter_before_or_behind_it(monkeypatch):
    noted = []
    monkeypatch.setattr(cli.execution, "execute", lambda *arguments: noted.append(arguments))
    for words in (["03", *CHANGED], [*CHANGED, "vgg16"]):
        assert invoke("execute", *words, "--profile", "smoke").exit_code == 0
    assert noted == 2 * [("03_vgg16", "smoke", {"epochs": 3, "dropout": 0.2, "seeds": [0, 1], "start": "random"})]


def test_the_version_is_that_of_the_package():
    assert invoke("--version").stdout.strip() == f"cxr {metadata.version('cxr-report')}"


def test_train_trains_each_seed_once(calls):
    assert invoke("train", "mini", "--profile", "smoke").exit_code == 0
    assert calls == [(0, False), (1, False)]
    again = invoke("train", "mini", "--profile", "smoke")
    assert calls == [(0, False), (1, False)] and again.stdout.count("record custom_cnn-official-s") == 2


def test_train_takes_another_seed_and_trains_afresh_on_demand(calls):
    invoke("train", "mini", "--profile", "smoke", "--seed", 7)
    invoke("train", "mini", "--profile", "smoke", "--seed", 7, "--retrain")
    assert calls == [(7, False), (7, True)]


def test_rescore_scores_each_run_of_each_experiment(calls, monkeypatch):
    invoke("train", "mini", "--profile", "smoke")
    rescored = []
    monkeypatch.setattr(commands.rescored, "rescore", lambda run, profile: rescored.append((run.config.seed, profile)))
    result = invoke("rescore", "mini", "--profile", "smoke")
    assert result.exit_code == 0 and rescored == [(0, "smoke"), (1, "smoke")]
    assert "nosuch" in str(invoke("rescore", "nosuch", "--profile", "smoke").exception)


def test_runs_lists_the_records_of_the_profile(calls):
    invoke("train", "mini", "--profile", "smoke", "--seed", 1)
    result = invoke("runs", "--profile", "smoke")
    header, row = result.stdout.splitlines()
    assert header.split() == ["run", "start", "device", "pixels", "minutes"]
    assert row.split() == ["custom_cnn-official-s1-" + row.split()[0][-8:], "random", "CPU", "synthetic", "image", "1.5"]


def test_runs_without_records_names_the_command(calls):
    assert "./run_all.sh --profile smoke" in str(invoke("runs", "--profile", "smoke").exception)


def test_publish_learns_what_to_warn_of_from_training_images(monkeypatch, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, out_of_distribution.SIDE, out_of_distribution.SIDE), dtype=np.uint8)
    monkeypatch.setattr(records, "of", lambda *_: [types.SimpleNamespace(run_id="the run", config=Config("mobilenetv2"))])
    monkeypatch.setattr(selection, "best_on_validation", lambda runs: runs[0])
    monkeypatch.setattr(selection, "thresholds", lambda runs: [0.5])
    monkeypatch.setattr(published_model, "publish", lambda run, profile, threshold: tmp_path)
    monkeypatch.setattr(manifest, "load", lambda profile: pd.DataFrame({"folder": ["train", "test", "train"]}))
    monkeypatch.setattr(packing, "load", lambda profile, size: images)
    assert invoke("publish", "mini", "--profile", "smoke").exit_code == 0
    assert out_of_distribution.load(tmp_path).limits == out_of_distribution.learn(images[[0, 2]]).limits


@pytest.fixture
def answers(monkeypatch, tmp_path):
    """Predictions as the model would give them, for one image and one text file."""
    image = predict.Prediction(tmp_path / "image.png", "PNEUMONIA", 0.87654, 0.25, tmp_path / "image_heatmap.png")
    text = predict.Prediction(tmp_path / "notes.txt", problem=f"{tmp_path / 'notes.txt'} is no image.")
    known = {answer.path: answer for answer in (image, text)}
    monkeypatch.setattr(predict, "predict", lambda files, model_dir, out: [known[path] for path in files])
    return image, text


def test_predict_prints_class_probability_operating_point_and_heat_map(answers):
    image, _ = answers
    result = invoke("predict", image.path)
    header, row = result.stdout.splitlines()
    assert result.exit_code == 0
    assert header.split() == ["file", "class", "probability", "operating", "point", "heat", "map", "warning"]
    assert row.split() == [str(image.path), "PNEUMONIA", "0.877", "0.250", str(image.heat_map), "no"]
    assert result.stderr == ""


def test_predict_warns_on_standard_error_and_ends_well(answers, monkeypatch):
    warned = dataclasses.replace(answers[0], warning="image.png looks like an inverted image")
    monkeypatch.setattr(predict, "predict", lambda *_: [warned])
    result = invoke("predict", warned.path)
    assert result.exit_code == 0 and result.stdout.splitlines()[1].split()[-1] == "yes"
    assert result.stderr.splitlines() == ["cxr: warning: image.png looks like an inverted image"]


def test_predict_refuses_a_file_that_is_no_image_and_still_answers_for_the_others(answers):
    image, text = answers
    result = invoke("predict", text.path, image.path)
    assert result.exit_code == 1 and str(result.exception) == text.problem
    assert "PNEUMONIA" in result.stdout and "notes" not in result.stdout


def test_a_fault_of_the_program_shows_where_it_is_and_ends_in_one_sentence_on_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(__main__, "cli", types.SimpleNamespace(main=lambda: {}["gone"]))
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    said = capsys.readouterr()
    assert ended.value.code == 1 and not said.out and "Traceback" in said.err and "KeyError: 'gone'" in said.err
    assert "restore it" in said.err.splitlines()[-1] and said.err.splitlines()[-1].startswith("cxr: The program is at fault")


def test_formats_says_how_much_damage_nobody_sees():
    counted = (paths.ROOT / "reports/fuzz.txt").read_text(encoding="utf-8")
    kinds = ast.literal_eval(counted.partition("no crash: ")[2].splitlines()[0])
    shares = [f"{kinds[kind].get('other greys', 0):,} of {sum(kinds[kind].values()):,}" for kind in ("jpeg", "dcm", "tif", "png")]
    assert "{} JPEG, {} DICOM, {} TIFF and {} PNG".format(*shares) in invoke("formats").stdout


def test_methods_are_read_as_they_are_meant(answers, monkeypatch):
    asked = []
    monkeypatch.setattr(explain_page, "write", lambda file, names, *_: asked.append(names))
    for words in ("gradcam, lime", "GradCAM,lime,"):
        assert invoke("explain", answers[0].path, "--methods", words).exit_code == 0
    assert asked == [["gradcam", "lime"]] * 2


def test_folders_become_absolute_and_threads_follow_the_share_of_cores(monkeypatch, tmp_path):
    for name in ("CXR_DATA_DIR", "CXR_GEOMETRY", *environment.THREADS):
        monkeypatch.setenv(name, "")  # so that what settle() sets is taken back after the test
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_DATA_DIR", "images")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("CXR_ROOT", "~/elsewhere")  # chapters run in another folder, and would look from there
    monkeypatch.setattr(paths, "ROOT", Path("/home/someone/elsewhere"))  # as it was read when the program began
    environment.settle()
    assert os.environ["CXR_ROOT"] == "/home/someone/elsewhere"
    assert os.environ["CXR_DATA_DIR"] == str(tmp_path / "images") and "CXR_GEOMETRY" not in os.environ
    assert os.environ["KERAS_BACKEND"] == "jax"
    assert {os.environ[name] for name in environment.THREADS} == {"3"}
