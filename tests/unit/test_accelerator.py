"""What is measured of an accelerator: rates, and their share of the rate at which it multiplies matrices."""

import numpy as np
import pandas as pd

from cxr_helpers import experiments
from cxr_helpers.extras.benchmarks import accelerator
from cxr_helpers.training import augmentation, devices, run_environment


def test_a_share_is_operations_over_the_matrix_rate():
    rows = [(place, "", accelerator.MATRIX["bfloat16"], 1e14) for place in range(3)]
    rows += [(place, "vgg16_224", "images/s, batch of 32", rate) for place, rate in enumerate((400.0, 500.0, 600.0))]
    rows += [(0, "vgg16_224", "operations an image", 1e11)]
    found = accelerator.figures(pd.DataFrame(rows, columns=["round", "system", "task", "value"])).set_index("figure").value
    assert found["matrix product, bfloat16 (TFLOP/s)"] == 100
    assert found["vgg16_224, images/s, batch of 32"] == 500
    assert found["vgg16_224, share of the matrix rate, batch of 32"] == 0.5


def test_what_is_measured_are_experiments():
    assert set(accelerator.EXPERIMENTS) <= set(experiments.load("full"))


def test_matrix_products_are_timed_on_any_device():
    rates = accelerator._matrix_rates(accelerator.Plan(64, 2, 0, 2), "bfloat16")
    assert len(rates) == 2 and min(rates) > 0


def test_a_machine_without_accelerator_says_so():
    assert (devices.accelerator() is None) == (devices.peak_memory() is None)
    assert run_environment.current()["device"] == (devices.accelerator() or run_environment.current()["device"])


def test_a_shared_device_is_recorded_as_shared(monkeypatch):
    monkeypatch.delenv(run_environment.SIDE_BY_SIDE, raising=False)
    assert "side_by_side" not in run_environment.current()
    monkeypatch.setenv(run_environment.SIDE_BY_SIDE, "8")
    assert run_environment.current()["side_by_side"] == 8


def test_augmentation_keeps_full_precision_under_any_policy():
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        policy = augmentation.build("thesis", 0)
        images = policy(np.full((1, 8, 8, 1), 201.0, "float32"), training=True)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in policy.layers} == {"float32"}
    assert keras.backend.standardize_dtype(images.dtype) == "float32"
