"""Randomised networks: closed forms worked out by hand, and what each of the three can and cannot say."""

import numpy as np
import pytest
from sklearn.base import clone

from cxr_helpers.extras.makers.classical import ESTIMATORS

RVFL, ELM, SCHMIDT = (ESTIMATORS[name].build(0) for name in ("rvfl", "elm", "schmidt"))
X = np.array([[-1.0], [1.0], [1.0], [1.0]])
Y = np.array([0, 1, 1, 1])  # targets -1, 1, 1, 1


@pytest.mark.parametrize(
    ("network", "ridge", "outputs"),
    [
        # With scale 0 the one hidden unit is sigmoid(0) = 1/2 for every input.
        (ELM, 1, [0.25, 0.25, 0.25, 0.25]),  # (4/4 + 1) w = 1, so w = 1/2
        (RVFL, 2, [-10 / 17, 12 / 17, 12 / 17, 12 / 17]),  # [[3, 1], [1, 6]] w = (1, 4), so w = (2/17, 11/17)
        (SCHMIDT, 1, [5 / 12] * 4),  # [[2, 2], [2, 5]] w = (1, 2), so w = (1/6, 1/3)
    ],
)
def test_outputs_of_a_hidden_layer_that_says_nothing(network, ridge, outputs):
    fitted = clone(network).set_params(units=1, ridge=ridge, scale=0).fit(X, Y)
    np.testing.assert_allclose(fitted.decision_function(X), outputs)


def test_the_design_holds_hidden_units_then_what_each_network_adds():
    hidden, direct, biased = (clone(each).set_params(units=3).fit(X, Y).design(X) for each in (ELM, RVFL, SCHMIDT))
    assert hidden.shape == (4, 3) and ((hidden > 0) & (hidden < 1)).all()
    np.testing.assert_array_equal(direct, np.hstack([hidden, X]))
    np.testing.assert_array_equal(biased, np.hstack([hidden, np.ones((4, 1))]))


@pytest.mark.parametrize("network", [RVFL, ELM, SCHMIDT])
def test_the_hidden_layer_solves_what_no_line_can(network):
    corners = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    exclusive_or = np.array(["same", "other", "other", "same"])
    fitted = clone(network).set_params(units=50, ridge=1e-6, scale=3).fit(corners, exclusive_or)
    assert list(fitted.predict(corners)) == list(exclusive_or)


def test_the_draw_is_the_seeds_and_weights_shrink_with_the_inputs():
    x = np.random.default_rng(0).normal(size=(20, 400))
    y = (x[:, 0] > 0).astype(int)
    first, again, other = (clone(ELM).set_params(units=500, random_state=seed).fit(x, y) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.decision_function(x), again.decision_function(x))
    assert not np.allclose(first.weights_, other.weights_)
    # Uniform in ±1/√400 = ±0.05: a standard deviation of 0.05/√3.
    assert np.abs(first.weights_).max() <= 0.05 and first.weights_.std() == pytest.approx(0.05 / 3**0.5, rel=0.02)


def test_it_is_an_estimator_like_others():
    twin = clone(RVFL).set_params(ridge=3.0)
    assert (twin.units, twin.ridge, twin.beside) == (2000, 3.0, "inputs")
