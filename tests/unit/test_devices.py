"""Training on two devices (logical ones of this processor) is, step for step, that on one."""

import importlib.util
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from checkouts import SUPPORT

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import several_devices

SCRIPT = """
    import json, os, sys
    import numpy as np, pandas as pd
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf
        processor = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    import keras
    from cxr_helpers.config import Config
    from cxr_helpers.extras.makers import several_devices
    from cxr_helpers.training import fitting

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (40, 32, 32), dtype=np.uint8)
    table = pd.DataFrame({"row": range(40), "y_true": rng.integers(0, 2, 40), "split": ["train"] * 32 + ["val"] * 8})

    synchronise = several_devices._synchronise

    def network(frozen, dropout):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((32, 32, 1))
        x = keras.layers.Rescaling(1 / 255)(inputs)
        x = keras.layers.Conv2D(8, 3, strides=2, use_bias=False)(x)  # normalised away: its gradient would be rounding
        x = keras.layers.BatchNormalization(trainable=not frozen)(x)
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
        x = keras.layers.Dropout(dropout)(x)
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))

    def losses(number, frozen, synchronised=True, augmentation="none", dropout=0.0):
        os.environ["CXR_DEVICES"] = str(number)
        several_devices._synchronise = synchronise if synchronised else lambda model: None
        config = Config("custom_cnn", size=32, epochs=2, batch_size=8, augmentation=augmentation, learning_rate=1e-2)
        model, steps = network(frozen, dropout), []
        watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: steps.append(logs["loss"]))
        fitted = fitting.fit(fitting.Task(config, "smoke", model, pixels, table, "", (watch,)))
        return {"steps": steps, "val": fitted.history.val_loss.tolist(), "scores": fitted.y_score.tolist()}

    cases = {"frozen": dict(frozen=True), "synchronised": dict(frozen=False), "each": dict(frozen=False, synchronised=False)}
    found = {name: [losses(number, **case) for number in (1, 2)] for name, case in cases.items()}
    found["drawn"] = [losses(2, frozen=False, augmentation="mild", dropout=0.5)]
    print(json.dumps(found))
"""


def trained(backend: str) -> dict:
    """Return steps, validation losses and scores of each case on one device and on two."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT)]
    variables = os.environ | {"KERAS_BACKEND": backend, "TF_NUM_INTEROP_THREADS": "8"}  # a sum holds one of them
    variables |= {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"} if backend == "jax" else {}
    done = subprocess.run(command, env=variables, cwd=SUPPORT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found():
    return trained("tensorflow")


@pytest.mark.parametrize("case", ["frozen", "synchronised"])
def test_two_devices_have_the_losses_and_the_scores_of_one(found, case):
    one, two = found[case]
    assert len(one["steps"]) == 2 * 4  # 32 images in batches of 8, twice
    for name in ("steps", "val", "scores"):
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=1e-5)


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="JAX is not installed")
def test_two_devices_have_the_losses_and_the_scores_of_one_under_jax():
    found = trained("jax")
    for case in ("frozen", "synchronised"):
        test_two_devices_have_the_losses_and_the_scores_of_one(found, case)


def test_moments_of_each_device_alone_would_give_other_losses(found):
    one, two = found["each"]
    assert np.abs(np.subtract(two["steps"], one["steps"])).max() > 1e-3


def test_augmentation_and_dropout_train_on_two_devices(found):
    (two,) = found["drawn"]
    assert np.isfinite(two["steps"]).all() and len(two["scores"]) == 40


@pytest.mark.parametrize("asked", ["0", "99", "two", "-1"])
def test_a_number_of_devices_that_is_not_here_is_one_sentence(monkeypatch, asked):
    monkeypatch.setenv(several_devices.VARIABLE, asked)
    with pytest.raises(CxrError, match=f"CXR_DEVICES is '{asked}': give a number from 1 to"):
        several_devices.count()


def test_a_batch_that_does_not_divide_is_refused(monkeypatch):
    monkeypatch.setattr(several_devices, "count", lambda: 3)
    with pytest.raises(CxrError, match="batch_size 16 cannot be divided among 3 devices"), several_devices.spread(None, 16):
        pass
