"""Which grey values of more than 8 bits are shown black and white."""

import numpy as np

_CORE = (0.001, 0.999)  # quantiles between which most grey values of an image lie


def eight_bits(deep: np.ndarray) -> tuple[np.ndarray, str]:
    """Return uint16 grey (H, W) as uint8: the bits that are in use, 8 to 16 of them, and a note that says which."""
    counts = np.bincount(deep.ravel(), minlength=2**16)
    white = 2 ** max(8, int(extremes(np.arange(2**16), counts)[1]).bit_length()) - 1
    table = np.rint(np.arange(2**16).clip(max=white) * (255 / white)).astype(np.uint8)
    return table[deep], f"16-bit grey, shown from 0 (black) to {white:,} (white)"


def extremes(values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Return the darkest and brightest of `values` (N,) that an image of such `counts` (N,) is shown with.

    A value at either end that lies further off than all others lie apart is padding, and what lies off the bulk of the pixels by
    more than its range are hot pixels: neither sets the scale.
    """
    order = np.argsort(values, kind="stable")
    order = order[counts[order] > 0]
    values, counts = values[order], counts[order]
    for end, rest in ((0, slice(1, None)), (-1, slice(None, -1))):
        low, high = _bulk(values[rest], counts[rest])
        if high > low and abs(values[end] - values[rest][end]) > high - low:
            values, counts = values[rest], counts[rest]
    low, high = _bulk(values, counts)
    reach = high - low
    inside = values[(values >= low - reach) & (values <= high + reach)]
    return (float(inside[0]), float(inside[-1])) if len(inside) else (0.0, 1.0)


def _bulk(values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Return the `_CORE` quantiles of sorted values with their counts, (0, 0) of none."""
    if not len(values):
        return 0.0, 0.0
    places = np.searchsorted(np.cumsum(counts), np.array(_CORE) * counts.sum())
    return tuple(values[np.minimum(places, len(values) - 1)].astype(float))
