"""Which runs, thresholds and images a chapter shows. Whatever is chosen, is chosen on validation images."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record

CLASSES = ("NORMAL", "PNEUMONIA")
OUTCOMES = {(1, 1): "true positive", (0, 1): "false positive", (1, 0): "false negative", (0, 0): "true negative"}
THRESHOLD = 0.5  # what the source documents use


def thresholds(runs: Sequence[Record]) -> list[float]:
    """Return each run's operating point: the one that it was made with, or that which its validation images give."""
    return [run.info["threshold"] if "threshold" in run.info else metrics.operating_point(run.split("val")) for run in runs]


def scores(runs: Sequence[Record], split: str = "test") -> list[pd.DataFrame]:
    """Return the scores of one split, one frame per run."""
    return [run.split(split) for run in runs]


def part(scored: Sequence[pd.DataFrame], split: str = "test") -> list[pd.DataFrame]:
    """Return the rows of one split, one frame per run, of scores that hold several."""
    return [frame[frame["split"] == split].reset_index(drop=True) for frame in scored]


def pooled(runs: Sequence[Record], split: str = "test") -> list[pd.DataFrame]:
    """Return the scores of one split, one frame per seed: the folds of a cross-validation are put together."""
    by_seed: dict[int, list[pd.DataFrame]] = {}
    for run in runs:
        by_seed.setdefault(run.config.seed, []).append(run.scores[run.scores["split"] == split])
    return [pd.concat(parts, ignore_index=True) for parts in by_seed.values()]


def best_on_validation(runs: Sequence[Record]) -> Record:
    """Return the run with the largest AUC on its validation images."""
    return max(runs, key=lambda run: metrics.points(run.split("val")).roc_auc)


def answers(run: Record, threshold: float, split: str = "test") -> pd.DataFrame:
    """Return the scores of a split with y_predicted, label, predicted, confidence (of the predicted class), outcome, correct."""
    table = run.split(split).copy()
    table["y_predicted"] = (table.y_score >= threshold).astype(int)
    table["confidence"] = np.where(table.y_predicted == 1, table.y_score, 1 - table.y_score)
    table["label"], table["predicted"] = ([CLASSES[y] for y in table[name]] for name in ("y_true", "y_predicted"))
    table["outcome"] = [OUTCOMES[pair] for pair in zip(table.y_true, table.y_predicted, strict=True)]
    return table.assign(correct=table.y_true == table.y_predicted)


def examples(answered: pd.DataFrame, count: int, seed: int = 0) -> pd.DataFrame:
    """Return `count` images, a quarter from each of TP, FN, FP, TN where there are any, drawn with a seed."""
    groups = [part for _, part in answered.groupby(["y_true", "y_predicted"])]
    drawn = [part.sample(min(len(part), -(-count // len(groups))), random_state=seed) for part in groups]
    return pd.concat(drawn).head(count)
