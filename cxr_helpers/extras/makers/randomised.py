"""Randomised networks: a hidden layer that is drawn and never trained, and output weights in closed form.

The three differ in what reaches the output beside the hidden units: the inputs themselves in the random vector
functional-link network (Pao et al. 1994), a bias in Schmidt's network (Schmidt et al. 1992), nothing in the extreme
learning machine (Huang et al. 2006).
"""

import numpy as np
import scipy.linalg
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from cxr_helpers.errors import CxrError


class RandomisedNetwork(ClassifierMixin, BaseEstimator):
    """Two-class network of `units` sigmoid units with random weights, for inputs of zero mean and unit variance.

    Weights are uniform in ±`scale`/√D for D inputs, so that a thousand inputs bring the units no nearer to saturation
    than a hundred; their biases are uniform in ±`scale`. The output weights fit targets of -1 and 1 by least
    squares with penalty `ridge` times their squared length; with `ridge` 0 by the pseudo-inverse.
    """

    direct = False  # whether the inputs reach the output too
    bias = False  # whether a constant does

    def __init__(self, units: int = 2000, ridge: float = 1.0, scale: float = 1.0, random_state: int = 0) -> None:
        self.units, self.ridge, self.scale, self.random_state = units, ridge, scale, random_state

    def fit(self, x: np.ndarray, y: np.ndarray) -> "RandomisedNetwork":
        """Draw the hidden layer and solve for the output weights.

        Args:
            x: (N, D) float.
            y: (N,) labels of two classes; the greater one is the positive class.

        Raises:
            CxrError: there are not two classes, no unit, or a negative ridge.
        """
        x, y = validate_data(self, x, y)
        self.classes_ = np.unique(y)
        if len(self.classes_) != 2 or self.units < 1 or self.ridge < 0:
            raise CxrError(
                f"A randomised network needs labels of two classes (got {len(self.classes_)}), units of at least 1 "
                f"(got {self.units}) and a ridge that is not negative (got {self.ridge:g})."
            )
        rng = np.random.default_rng(self.random_state)
        self.weights_ = rng.uniform(-self.scale, self.scale, (x.shape[1], self.units)) / np.sqrt(x.shape[1])
        self.biases_ = rng.uniform(-self.scale, self.scale, self.units)
        self.output_ = output_weights(self.design(x), np.where(y == self.classes_[1], 1.0, -1.0), self.ridge)
        return self

    def design(self, x: np.ndarray) -> np.ndarray:
        """Return what the output weights are multiplied with: (N, units) in (0, 1), then inputs or constant, if any."""
        parts = [expit(x @ self.weights_ + self.biases_)]
        if self.direct:
            parts.append(x)
        if self.bias:
            parts.append(np.ones((len(x), 1)))
        return np.hstack(parts)

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        """Return the output (N,) of the network: near 1 for the positive class, near -1 for the other."""
        check_is_fitted(self)
        return self.design(validate_data(self, x, reset=False)) @ self.output_

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the class (N,) on whose side of 0 the output lies."""
        return self.classes_[(self.decision_function(x) > 0).astype(int)]


class RVFL(RandomisedNetwork):
    """Random vector functional-link network (Pao et al. 1994): the inputs reach the output directly too."""

    direct = True


class ELM(RandomisedNetwork):
    """Extreme learning machine (Huang et al. 2006): the output sees the hidden units alone."""


class Schmidt(RandomisedNetwork):
    """Schmidt's network with random weights (Schmidt et al. 1992): the output has a bias."""

    bias = True


def output_weights(design: np.ndarray, target: np.ndarray, ridge: float) -> np.ndarray:
    """Return the weights w (K,) that minimise ‖design w - target‖² + ridge ‖w‖²; the shortest such w where ridge is 0.

    Args:
        design: (N, K) float.
        target: (N,) float.
        ridge: at least 0.
    """
    if ridge == 0:
        return np.linalg.pinv(design) @ target
    rows, columns = design.shape
    if rows < columns:  # the same weights from a smaller system: Aᵀ (A Aᵀ + λI)⁻¹ t
        return design.T @ _solved(design @ design.T, target, ridge)
    return _solved(design.T @ design, design.T @ target, ridge)


def _solved(gram: np.ndarray, right: np.ndarray, ridge: float) -> np.ndarray:
    gram[np.diag_indices_from(gram)] += ridge
    return scipy.linalg.solve(gram, right, assume_a="pos")
