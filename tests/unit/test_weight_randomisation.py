"""Weights become random from the top down, in a copy."""

import keras
import numpy as np
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.saliency.weight_randomisation import randomised


@pytest.fixture
def model():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 3, name="low")(inputs)
    x = keras.layers.ReLU(name="no_weights")(x)
    x = keras.layers.Conv2D(2, 3, name="middle")(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid", name="top")(x))


def kept(model, copy) -> list[str]:
    """Return the names of the layers with weights that are the same in both."""
    same = lambda one, other: all(map(np.array_equal, one.get_weights(), other.get_weights()))  # noqa: E731
    return [layer.name for layer in model.layers if layer.weights and same(layer, copy.get_layer(layer.name))]


def test_one_part_after_the_other_from_the_top(model):
    before = model.get_weights()
    assert kept(model, randomised(model, 1, 3)) == ["low", "middle"]
    assert kept(model, randomised(model, 2, 3)) == ["low"]
    assert kept(model, randomised(model, 3, 3)) == []
    assert all(map(np.array_equal, before, model.get_weights()))


def test_equal_seeds_give_equal_weights(model):
    pair = [randomised(model, 3, 3, seed=1) for _ in range(2)]
    assert all(map(np.array_equal, *(copy.get_weights() for copy in pair)))


@pytest.mark.parametrize(("part", "parts"), [(0, 3), (4, 3), (1, 4)])
def test_parts_that_do_not_exist_are_refused(model, part, parts):
    with pytest.raises(CxrError, match="has 3 layers to cut"):
        randomised(model, part, parts)
