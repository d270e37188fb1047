"""How well two masks agree."""

import numpy as np


def dice(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice coefficient 2·|A∩B| / (|A| + |B|) of two bool masks of equal shape; 1 where both are empty."""
    total = ours.sum() + truth.sum()
    return float(2 * (ours & truth).sum() / total) if total else 1.0
