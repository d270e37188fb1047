"""Faults while a network is trained: killed, out of memory, on other threads. The same scores, or what differs is said."""

import os
import shutil
import signal
import subprocess

import pytest
from checkouts import PARTS, copy
from commands import CXR, cxr
from fault_table import came_to
from killing import kill_and_repeat

from cxr_helpers.training import fitting

# Frozen layers, whose outputs are stored, and a head with dropout that is trained on them; a network trained whole.
EXPERIMENTS = """
[alpha]
title = "Alpha"
chapter = "02_alpha"
config = { model = "custom_cnn", size = 32, trainable = "head", views = 2, augmentation = "kilaru", dropout = 0.2, epochs = 3 }

[beta]
title = "Beta"
chapter = "02_alpha"
config = { model = "custom_cnn", size = 32, trainable = "all", augmentation = "kilaru", dropout = 0.2, epochs = 3 }
"""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # several add up gradients in any order
DIES = """
import os

_whole = _passed


def _passed(*given):
    if given[4].endswith("view 2"):
        os.kill(os.getpid(), 9)
    return _whole(*given)
"""
NO_ROOM = """

def timed_fit(*given):
    raise MemoryError
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout with two small experiments, its images packed, and the folders of their untouched records."""
    root = copy(tmp_path_factory.mktemp("training") / "checkout", PARTS)
    (root / "cxr_helpers" / "experiments.toml").write_text(EXPERIMENTS)
    for system, variables in (("alpha", {}), ("beta", ONE_THREAD)):
        done = train(root, system, **variables)
        assert done.code == 0, done.err
        (record,) = (root / "reports/smoke/runs").iterdir()
        record.rename(root / f"undisturbed {system}")
    return root


def train(root, system="alpha", *arguments, **variables):
    places = {"CXR_BUILD_DIR": root / "build", "CXR_DATA_DIR": None, "CXR_PROFILE": "smoke"}
    return cxr("train", system, *arguments, root=root, **places | variables)


def kill_at(words: str, root, system: str, **variables: str) -> None:
    """Start a training and kill it by SIGKILL as soon as it says a line with some words."""
    search = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    own = {"PYTHONPATH": search, "CXR_BUILD_DIR": str(root / "build"), "PYTHONUNBUFFERED": "1", **variables}
    environment = {name: value for name, value in os.environ.items() if name != "CXR_DATA_DIR"} | own
    command, streams = [*CXR, "train", system, "--profile", "smoke"], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment, text=True, **streams) as process:
        assert any(words in line for line in process.stdout)
        process.kill()
    assert process.returncode == -signal.SIGKILL


def test_killed_while_features_are_made(checkout):
    features, module = checkout / "build/smoke/features", checkout / "cxr_helpers/training/cached_features.py"
    shutil.rmtree(features)
    shutil.rmtree(checkout / "build/smoke/models")
    before = module.read_text()
    module.write_text(before + DIES)
    assert train(checkout, "alpha").code == -signal.SIGKILL
    module.write_text(before)
    assert sorted(path.name[0] for path in features.iterdir()) == [".", "c"]  # half of the second array beside the first
    options = {"CXR_BUILD_DIR": checkout / "build", "CXR_DATA_DIR": None}
    at = r"os.rename|features/[^ ]* [^ ]*features/|1"
    done = kill_and_repeat(checkout, at, "train", "alpha", "--profile", "smoke", **options)
    assert done.code == 0, done.err
    assert len([path for path in features.iterdir() if path.name[0] != "."]) == len(list(features.iterdir())) == 2
    check_and_remove(checkout, "alpha")
    came_to("killed while features are stored", "cxr train", "run again: what was stored stays, the same scores to the last byte")


def test_killed_while_a_network_is_trained(checkout):
    kill_at("epoch 2 of 3", checkout, "beta", **ONE_THREAD)
    assert not list((checkout / "reports/smoke/runs").iterdir())
    done = train(checkout, "beta", **ONE_THREAD)
    assert done.code == 0 and "epoch 3 of 3" in done.out and "epoch 1 of 3" not in done.out
    assert "goes on after epoch" in done.out and not list((checkout / "build/smoke/cut").iterdir())
    check_and_remove(checkout, "beta")
    outcome = "no record is left; run again: it goes on after the last whole epoch, and gives the same scores to the last byte"
    came_to("killed while a network is trained", "cxr train", outcome)


def check_and_remove(root, system: str) -> None:
    (record,) = (root / "reports/smoke/runs").iterdir()
    for name in ("scores.csv", "history.csv"):
        assert (record / name).read_bytes() == (root / f"undisturbed {system}" / name).read_bytes(), name
    shutil.rmtree(record)


def test_want_of_memory_is_one_sentence(checkout):
    module = checkout / "cxr_helpers/training/fitting.py"
    before = module.read_text()
    module.write_text(before + NO_ROOM)
    done = train(checkout, "beta")
    module.write_text(before)
    assert done.code == 1 and "the memory does not hold a batch; lower `batch_size` or `size`" in done.err, done.err
    assert not list((checkout / "reports/smoke/runs").iterdir())
    came_to("out of memory at the batch size", "cxr train", "one sentence: lower `batch_size` or `size`")


def test_other_errors_are_no_want_of_memory():
    assert not fitting.out_of_memory(ValueError("shapes differ"))
    assert fitting.out_of_memory(MemoryError()) and fitting.out_of_memory(RuntimeError("CUDA out of memory. Tried to"))
