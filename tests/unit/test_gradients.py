"""Gradients against derivatives worked out by hand, on every backend that is installed."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.explain.gradcam import gradient

X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]], "float32")


def test_of_a_linear_target_is_its_weights():
    weights = np.array([2.0, -1.0, 0.5], "float32")
    result = gradient(lambda x: keras.ops.matmul(x, weights), X)
    np.testing.assert_allclose(result, [weights, weights])


def test_of_a_sum_of_squares_is_twice_the_input_row_by_row():
    before = X.copy()
    np.testing.assert_allclose(gradient(lambda x: keras.ops.sum(x**2, axis=1), X), 2 * X)
    np.testing.assert_array_equal(X, before)


def test_of_an_independent_target_is_zero():
    np.testing.assert_array_equal(gradient(lambda x: keras.ops.ones(2), X), np.zeros_like(X))


def test_that_is_not_finite_is_refused():
    with pytest.raises(CxrError, match="NaN or infinity"):
        gradient(lambda x: keras.ops.sum(keras.ops.sqrt(x * 0), axis=1), X)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_agree(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not backends", __file__]
    answer = subprocess.run(command, env=environment, cwd=paths.ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
