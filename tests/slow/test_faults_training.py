"""Faults while a network is trained: killed, out of memory, on other threads. The same scores, or what differs is said."""

import json
import os
import shutil
import signal
import subprocess

import keras
import numpy as np
import pandas as pd
import pytest
from checkouts import PARTS, copy
from commands import CXR, cxr
from fault_table import came_to
from killing import kill_and_repeat

from cxr_helpers.config import Config
from cxr_helpers.data import batches
from cxr_helpers.errors import CxrError
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

_extract_whole = extract


def extract(*given, **named):
    label = named.get("label", given[4] if len(given) > 4 else "")
    if label.endswith("view 2"):
        os.kill(os.getpid(), 9)
    return _extract_whole(*given, **named)
"""
NO_ROOM = """

_fit_with_room = _fit_once


def _fit_once(task, trainer, train, val):
    if len(train[0][0]) > 16:
        raise MemoryError
    return _fit_with_room(task, trainer, train, val)
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout with two small systems, its images packed, and the folders of their undisturbed records."""
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
    kill_at("epoch 1 of 3", checkout, "beta", **ONE_THREAD)
    assert not list((checkout / "reports/smoke/runs").iterdir())
    done = train(checkout, "beta", **ONE_THREAD)
    assert done.code == 0 and "epoch 3 of 3" in done.out
    check_and_remove(checkout, "beta")
    outcome = "no record is left; run again: that training begins anew, and gives the same scores to the last byte"
    came_to("killed while a network is trained", "cxr train", outcome)


def check_and_remove(root, system: str) -> None:
    (record,) = (root / "reports/smoke/runs").iterdir()
    for name in ("scores.csv", "history.csv"):
        assert (record / name).read_bytes() == (root / f"undisturbed {system}" / name).read_bytes(), name
    shutil.rmtree(record)


def test_the_command_makes_do_with_less_memory(checkout):
    module = checkout / "cxr_helpers/training/fitting.py"
    before = module.read_text()
    module.write_text(before + NO_ROOM)
    done = train(checkout, "beta")
    module.write_text(before)
    assert done.code == 0, done.err
    (record,) = (checkout / "reports/smoke/runs").iterdir()
    assert json.loads((record / "run.json").read_text())["batch_in_parts"] == 2
    shutil.rmtree(record)
    said = next(line.partition(": ")[2] for line in done.out.splitlines() if "the memory" in line)
    came_to("out of memory at the batch size", "cxr train", said)


class Small(keras.layers.Layer):
    """A layer for which the memory does not hold more images than `room`."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.seen = []

    def call(self, x):
        import tensorflow as tf

        def check(images):
            self.seen.append(len(images))
            if len(images) > self.room:
                raise tf.errors.ResourceExhaustedError(None, None, f"OOM when allocating tensor with shape[{len(images)}]")
            return images

        found = tf.numpy_function(check, [x], tf.float32)
        found.set_shape(x.shape)
        return x + tf.stop_gradient(found - x)


def task(room: int, **changes: object) -> fitting.Task:
    """Return a small network without batch normalisation, for 48 training images in batches of 16."""
    keras.utils.set_random_seed(0)
    config = Config("custom_cnn", size=32, epochs=2, batch_size=16, learning_rate=1e-2, **changes)
    inputs = keras.Input((32, 32, 1))
    x = keras.layers.Flatten()(Small(room)(keras.layers.Rescaling(1 / 255)(inputs)))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"row": range(64), "y_true": np.arange(64) % 2, "split": np.repeat(["train", "val"], [48, 16])})
    pixels = rng.integers(0, 255, (64, 32, 32)).astype("uint8")
    return fitting.Task(config, "smoke", model, pixels, table, "hash")


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adamw", "weight_decay": 0.1, "average": 0.9, "class_weight": "balanced"}])
def test_out_of_memory_halves_the_batch_and_keeps_the_update(changes, monkeypatch, capsys):
    roomy, tight = task(64, **changes), task(6, **changes)
    monkeypatch.setattr(fitting.cached_features, "extract", lambda *args, **kwargs: np.zeros((64, 1), "float32"))
    _, _, one = fitting._run(roomy, roomy.model, batches.Batches(roomy.pixels, *roomy.part("train"), 16, 0), val(roomy, 6))
    _, _, parts = fitting._run(tight, tight.model, batches.Batches(tight.pixels, *tight.part("train"), 16, 0), val(tight, 6))
    assert (one, parts) == (1, 4)
    for whole, divided in zip(roomy.model.get_weights(), tight.model.get_weights(), strict=True):
        np.testing.assert_allclose(divided, whole, atol=3e-3 if "average" in changes else 2e-4)  # an average lags a little
    said = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines() if "the memory" in line]
    expected = "the memory does not hold a batch of 16; again with {} images at a time, 16 an update"
    assert said == [expected.format(8), expected.format(4)]


def val(made: fitting.Task, size: int) -> batches.Batches:
    return batches.Batches(made.pixels, *made.part("val"), size)


def test_no_memory_for_a_single_image_is_one_sentence():
    hopeless = task(0)
    with pytest.raises(CxrError, match="does not hold a single image; lower `size`"):
        fitting._run(hopeless, hopeless.model, batches.Batches(hopeless.pixels, *hopeless.part("train"), 16, 0), None)


def test_other_errors_are_no_want_of_memory():
    assert not fitting.out_of_memory(ValueError("shapes differ"))
    assert fitting.out_of_memory(MemoryError()) and fitting.out_of_memory(RuntimeError("CUDA out of memory. Tried to"))


def test_parts_are_the_whole_batch():
    pixels = np.arange(10, dtype="uint8")[:, None, None] * np.ones((1, 2, 2), "uint8")
    whole = batches.Batches(pixels, np.arange(10), np.arange(10)[:, None], 4, seed=1)
    parted = batches.Parted(whole, 2)
    images = [np.concatenate([parted[2 * i][0], parted[2 * i + 1][0]]) for i in range(len(whole))]
    for i, joined in enumerate(images):
        assert sorted(joined[:, 0, 0, 0]) == sorted(whole[i][0][:, 0, 0, 0])
    assert len(parted) == 6 and all(len(parted[i][0]) for i in range(6))
