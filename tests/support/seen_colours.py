"""Colours as they are seen."""

import numpy as np
from matplotlib.colors import to_rgb


def relative_luminance(shade: str) -> float:
    """Return a colour's lightness from 0 (black) to 1 (white), as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(shade)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
