"""Scores without a model: given ones, and overlapping random ones."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def scores(
    y_true: Sequence[int], y_score: Sequence[float], patients: Sequence[str] | None = None, split: str = "test"
) -> pd.DataFrame:
    """Return scores of images i0000, i0001, ...; every image is a patient of its own where `patients` names none."""
    names = [f"i{place:04}" for place in range(len(y_true))]
    columns = {"image_id": names, "patient_id": names if patients is None else patients, "split": split}
    return pd.DataFrame(columns | {"y_true": y_true, "y_score": y_score})


def random_scores(n: int = 300, seed: int = 0, ties: bool = True) -> pd.DataFrame:
    """Return overlapping scores of `n` images, two or three a patient, many of them tied."""
    rng = np.random.default_rng(seed)
    y_true = (rng.random(n) < 0.6).astype(int)
    y_score = 1 / (1 + np.exp(-(1.5 * (2 * y_true - 1) + 2 * rng.normal(size=n))))
    return scores(y_true, y_score.round(1) if ties else y_score, rng.integers(0, n // 2, n).astype(str))


# Four images: positives at 0.9 and 0.4, negatives at 0.6 and 0.1; called positive at 0.5: 0.9 (TP) and 0.6 (FP).
FOUR = scores([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1])
