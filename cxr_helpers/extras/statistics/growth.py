"""How a cost grows with the number of images: the exponent of a power law, with its 95 % interval."""

import numpy as np
import pandas as pd
from scipy import optimize, stats

from cxr_helpers.errors import CxrError

_EXPONENTS = np.arange(2, 600) / 200  # among which the exponent of a cost that grows is sought
_LEVEL = 0.95
_ROUNDING = 1e-9  # a slope below it is no growth


def fit(images: np.ndarray, costs: np.ndarray) -> pd.Series:
    """Return value, ci_low, ci_high of the exponent of a power law in costs (n,), positive, at numbers of images (n,).

    First a straight line through the logarithms. Where its slope's interval (Student's t) reaches zero or below, the
    cost does not grow, and the slope is the answer. Else a constant cost (start-up, parameters) would bend that line
    and make the exponent too small: it is fitted along, by least squares of the relative residuals, offset and factor
    not negative, and the interval holds the exponents that an F test does not reject (Bates and Watts 1988).

    Raises:
        CxrError: there are fewer than four costs.
    """
    images, costs = np.asarray(images, float), np.asarray(costs, float)
    if len(images) < 4:
        raise CxrError(f"A growth cannot be fitted to {len(images)} numbers of images; measure at four or more.")
    line = stats.linregress(np.log(images), np.log(costs))
    half = stats.t.ppf((1 + _LEVEL) / 2, len(images) - 2) * np.nan_to_num(line.stderr)  # NaN where all costs are equal
    if line.slope - half <= _ROUNDING:
        return pd.Series({"value": line.slope, "ci_low": line.slope - half, "ci_high": line.slope + half})
    errors = np.array([_squares(images, costs, exponent) for exponent in _EXPONENTS])
    best, freedom = errors.argmin(), len(images) - 3
    kept = _EXPONENTS[errors <= errors[best] * (1 + stats.f.ppf(_LEVEL, 1, freedom) / freedom)]
    return pd.Series({"value": _EXPONENTS[best], "ci_low": kept.min(), "ci_high": kept.max()})


def _squares(images: np.ndarray, costs: np.ndarray, exponent: float) -> float:
    """Return the least sum of squared relative residuals at a given exponent."""
    power = (images / images.max()) ** exponent
    _, residual = optimize.nnls(np.column_stack([1 / costs, power / costs]), np.ones(len(images)))
    return residual**2
