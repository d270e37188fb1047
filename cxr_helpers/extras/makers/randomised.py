"""Randomised networks: a hidden layer that is drawn and never trained, and output weights in closed form.

The three differ in what reaches the output beside the hidden units: the inputs themselves in the random vector
functional-link network (Pao et al. 1994), a bias in Schmidt's network (Schmidt et al. 1992), nothing in the extreme
learning machine (Huang et al. 2006).
"""

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import RidgeClassifier
from sklearn.utils.validation import validate_data


class RandomisedNetwork(ClassifierMixin, BaseEstimator):
    """Two-class network of `units` sigmoid units with random weights, for inputs of zero mean and unit variance.

    Weights are uniform in ±`scale`/√D for D inputs, so that a thousand inputs bring the units no nearer to saturation
    than a hundred; their biases are uniform in ±`scale`. The output weights fit targets of -1 and 1 by least
    squares with penalty `ridge` (above 0) times their squared length. `beside` says what reaches the output beside the
    hidden units: "inputs", "bias" or "" (nothing).
    """

    def __init__(
        self, beside: str = "", units: int = 2000, ridge: float = 1.0, scale: float = 1.0, random_state: int = 0
    ) -> None:
        self.beside, self.units, self.ridge, self.scale, self.random_state = beside, units, ridge, scale, random_state

    def fit(self, x: np.ndarray, y: np.ndarray) -> "RandomisedNetwork":
        """Draw the hidden layer and solve for the output weights: `x` (N, D) float, `y` (N,) labels of two classes."""
        x, y = validate_data(self, x, y)
        rng = np.random.default_rng(self.random_state)
        self.weights_ = rng.uniform(-self.scale, self.scale, (x.shape[1], self.units)) / np.sqrt(x.shape[1])
        self.biases_ = rng.uniform(-self.scale, self.scale, self.units)
        self.output_ = RidgeClassifier(self.ridge, fit_intercept=False, solver="cholesky").fit(self.design(x), y)
        self.classes_ = self.output_.classes_
        return self

    def design(self, x: np.ndarray) -> np.ndarray:
        """Return what the output weights are multiplied with: (N, units) in (0, 1), then inputs or constant, if any."""
        beside = {"inputs": [x], "bias": [np.ones((len(x), 1))], "": []}[self.beside]
        return np.hstack([expit(x @ self.weights_ + self.biases_), *beside])

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        """Return the output (N,) of the network: near 1 for the positive class, the greater label, near -1 for the other."""
        return self.output_.decision_function(self.design(validate_data(self, x, reset=False)))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the class (N,) on whose side of 0 the output lies."""
        return self.output_.predict(self.design(validate_data(self, x, reset=False)))
