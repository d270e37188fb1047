"""Faults while a network is trained: killed, out of memory, on other threads. The same scores, or what differs is said."""

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
from test_faults import kill_and_repeat

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.systems import batches, fitting

# Frozen layers, whose outputs are stored, and a head with dropout that is trained on them.
EXPERIMENTS = """
[alpha]
title = "Alpha"
chapter = "02_alpha"
config = { model = "custom_cnn", size = 32, trainable = "head", views = 2, augmentation = "kilaru", dropout = 0.2, epochs = 3 }
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout with one small system, its films packed, and the folder of its undisturbed record."""
    root = copy(tmp_path_factory.mktemp("training") / "checkout", PARTS)
    (root / "cxr_helpers" / "experiments.toml").write_text(EXPERIMENTS)
    done = train(root, "--profile", "smoke")
    assert done.code == 0, done.err
    (record,) = (root / "reports/smoke/runs").iterdir()
    record.rename(root / "undisturbed")
    return root


def train(root, *arguments, **variables):
    return cxr("train", "alpha", *arguments, root=root, **{"CXR_BUILD_DIR": root / "build", "CXR_DATA_DIR": None} | variables)


def kill_at(words: str, root) -> None:
    """Start the training and kill it by SIGKILL as soon as it says some words."""
    search = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    variables = os.environ | {"PYTHONPATH": search, "CXR_BUILD_DIR": str(root / "build")}
    variables.pop("CXR_DATA_DIR", None)
    command = [*CXR, "train", "alpha", "--profile", "smoke"]
    with subprocess.Popen(command, env=variables | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True) as process:
        assert any(words in line for line in process.stdout)
        process.kill()
    assert process.returncode == -signal.SIGKILL


def test_killed_while_features_are_made_and_while_a_head_is_trained(checkout):
    shutil.rmtree(checkout / "build/smoke/features")
    options = {"CXR_BUILD_DIR": checkout / "build", "CXR_DATA_DIR": None}
    at = r"os.rename|features/[^ ]* [^ ]*features/|2"
    shutil.rmtree(checkout / "build/smoke/models")
    done = kill_and_repeat(checkout, at, "train", "alpha", "--profile", "smoke", **options)
    assert done.code == 0, done.err
    assert len(list((checkout / "build/smoke/features").iterdir())) == 2  # the first was kept, no draft is left
    check_and_remove(checkout)
    kill_at("epoch 1 of 3", checkout)
    assert not list((checkout / "reports/smoke/runs").iterdir())
    done = train(checkout, "--profile", "smoke")
    assert done.code == 0 and "epoch 3 of 3" in done.out
    check_and_remove(checkout)
    came_to("killed while features are stored", "cxr train", "run again: what was stored stays, the same scores to the last byte")
    came_to("killed while a network is trained", "cxr train", "no record is left; run again: the same scores to the last byte")


def check_and_remove(root) -> None:
    (record,) = (root / "reports/smoke/runs").iterdir()
    for name in ("scores.csv", "history.csv"):
        assert (record / name).read_bytes() == (root / "undisturbed" / name).read_bytes(), name
    shutil.rmtree(record)


def test_one_thread_gives_nearly_the_same_scores(checkout):
    done = train(checkout, "--profile", "smoke", OMP_NUM_THREADS=1)
    assert done.code == 0, done.err
    (record,) = (checkout / "reports/smoke/runs").iterdir()
    alone, before = (pd.read_csv(folder / "scores.csv").y_score for folder in (record, checkout / "undisturbed"))
    shutil.rmtree(record)
    assert np.abs(alone - before).max() < 1e-4


class Small(keras.layers.Layer):
    """A layer for which the memory does not hold more films than `room`."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.seen = []

    def call(self, x):
        import tensorflow as tf

        def check(films):
            self.seen.append(len(films))
            if len(films) > self.room:
                raise tf.errors.ResourceExhaustedError(None, None, f"OOM when allocating tensor with shape[{len(films)}]")
            return films

        found = tf.numpy_function(check, [x], tf.float32)
        found.set_shape(x.shape)
        return x + tf.stop_gradient(found - x)


def task(room: int, **changes: object) -> fitting.Task:
    """Return a small network without batch normalisation, for 48 training films in batches of 16."""
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
    monkeypatch.setattr(fitting.features, "extract", lambda *args, **kwargs: np.zeros((64, 1), "float32"))
    _, _, one = fitting._run(roomy, roomy.model, batches.Batches(roomy.pixels, *roomy.part("train"), 16, 0), val(roomy, 6))
    _, _, parts = fitting._run(tight, tight.model, batches.Batches(tight.pixels, *tight.part("train"), 16, 0), val(tight, 6))
    assert (one, parts) == (1, 4)
    for whole, divided in zip(roomy.model.get_weights(), tight.model.get_weights(), strict=True):
        np.testing.assert_allclose(divided, whole, atol=3e-3 if "average" in changes else 2e-4)  # an average lags a little
    said = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines() if "the memory" in line]
    expected = "the memory does not hold a batch of 16; again with {} films at a time, 16 an update"
    assert said == [expected.format(8), expected.format(4)]
    if not changes:
        came_to("out of memory at the batch size", "cxr train", said[-1])


def val(made: fitting.Task, size: int) -> batches.Batches:
    return batches.Batches(made.pixels, *made.part("val"), size)


def test_no_memory_for_a_single_film_is_one_sentence():
    hopeless = task(0)
    with pytest.raises(CxrError, match="does not hold one film at a time; lower `size`"):
        fitting._run(hopeless, hopeless.model, batches.Batches(hopeless.pixels, *hopeless.part("train"), 16, 0), None)


def test_other_errors_are_no_want_of_memory():
    assert not fitting.out_of_memory(ValueError("shapes differ"))
    assert fitting.out_of_memory(MemoryError()) and fitting.out_of_memory(RuntimeError("CUDA out of memory. Tried to"))


def test_parts_are_the_whole_batch():
    pixels = np.arange(10, dtype="uint8")[:, None, None] * np.ones((1, 2, 2), "uint8")
    whole = batches.Batches(pixels, np.arange(10), np.arange(10)[:, None], 4, seed=1)
    parted = batches.Parted(whole, 2)
    films = [np.concatenate([parted[2 * i][0], parted[2 * i + 1][0]]) for i in range(len(whole))]
    for i, joined in enumerate(films):
        assert sorted(joined[:, 0, 0, 0]) == sorted(whole[i][0][:, 0, 0, 0])
    assert len(parted) == 6 and all(len(parted[i][0]) for i in range(6))
