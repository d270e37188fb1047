"""What a chapter says of one system: its operating points, its metrics, its seeds, its images."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import metrics, operating_point
from cxr_helpers.records import Record

CLASSES = ("NORMAL", "PNEUMONIA")
THRESHOLD = 0.5  # what the source documents use


def thresholds(runs: Sequence[Record], rule: str = "youden") -> list[float]:
    """Return each run's operating point, chosen on its own validation images; by default the one that it was made with, if any."""
    return [
        run.info["threshold"] if rule == "youden" and "threshold" in run.info else operating_point.choose(run.split("val"), rule)
        for run in runs
    ]


def scores(runs: Sequence[Record], split: str = "test") -> list[pd.DataFrame]:
    """Return the scores of one split, one frame per run."""
    return [run.split(split) for run in runs]


def pooled(runs: Sequence[Record], split: str = "test") -> list[pd.DataFrame]:
    """Return the scores of one split, one frame per seed: the folds of a cross-validation are put together."""
    by_seed: dict[int, list[pd.DataFrame]] = {}
    for run in runs:
        by_seed.setdefault(run.config.seed, []).append(run.scores[run.scores["split"] == split])
    return [pd.concat(parts, ignore_index=True) for parts in by_seed.values()]


def best_on_validation(runs: Sequence[Record]) -> Record:
    """Return the run with the largest AUC on its validation images."""
    return max(runs, key=lambda run: metrics.points(run.split("val")).roc_auc)


def metric_table(runs: Sequence[Record], split: str = "test", rule: str = "youden") -> pd.DataFrame:
    """Return every metric (mean over runs) with its interval, at 0.5 and at the operating point.

    Columns: metric, then "value" and "95 % CI" for either threshold. Metrics without a threshold are the same twice.
    """
    plain = metrics.evaluate_seeds(scores(runs, split), THRESHOLD)
    chosen = metrics.evaluate_seeds(scores(runs, split), thresholds(runs, rule))
    table = pd.DataFrame({"metric": [metrics.TITLES[name] for name in plain.index]})
    for title, part in ((f"at {THRESHOLD}", plain), ("at operating point", chosen)):
        table[title] = part.value.to_numpy()
        table[f"95 % CI {title}"] = [interval(row) for row in part.itertuples()]
    return table


def interval(row) -> str:
    """Return "low–high" of anything with `ci_low` and `ci_high`, with three decimals; "low to high" where low is negative."""
    return f"{row.ci_low:.3f}{' to ' if row.ci_low < 0 else '–'}{row.ci_high:.3f}"


def cell(row) -> str:
    """Return "0.950 (0.931–0.967)" of anything with `value`, `ci_low` and `ci_high`."""
    return f"{row.value:.3f} ({interval(row)})"


def signed(value: float, low: float, high: float) -> str:
    """Return "+0.012 (+0.003 to +0.021)" of a difference and its interval."""
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def phrase(table: pd.DataFrame, metric: str) -> str:
    """Return "0.912 (95 % CI 0.890–0.934)" from a metric table as `metrics.evaluate` gives it."""
    row = table.loc[metric]
    return f"{row.value:.3f} (95 % CI {interval(row)})"


def seed_table(runs: Sequence[Record], split: str = "test") -> pd.DataFrame:
    """Return one row per run: how it was trained, and its figures on validation and on `split`."""
    rows = []
    for run, limit in zip(runs, thresholds(runs), strict=True):
        val, held_out = (metrics.points(run.split(name)) for name in ("val", split))
        row = {"run": run.run_id, "epochs": len(run.history), "minutes": run.info["wall_time_s"] / 60}
        row |= {"val AUC": val.roc_auc, "operating point": limit}
        row |= {f"{split} AUC": held_out.roc_auc, f"{split} accuracy": held_out.accuracy}
        rows.append(row | {f"{split} specificity": held_out.specificity})
    return pd.DataFrame(rows)


def setting(run: Record) -> pd.DataFrame:
    """Return a table of how a run was made: configuration, start, device, time, size."""
    config, info = run.config, run.info
    rows = {
        "start": info["initialisation"],
        "pixels": f"{info['pixels']}, used at {config.size}×{config.size}",
        "training images": f"{info['images']['train']:,}",
        "trained parameters": f"{info['trainable_parameters']:,} of {info['parameters']:,}",
        "trained layers": config.trainable if config.trainable in ("all", "head") else f"from {config.trainable} on",
        "epochs run": f"{len(run.history)} of at most {config.epochs}",
        "batch": str(config.batch_size),
        "optimiser": f"{config.optimizer}, learning rate {config.learning_rate:g}, {config.schedule}",
        "loss": f"{config.loss}, class weights {config.class_weight}",
        "augmentation": config.augmentation + (f", {config.views} stored views" if config.views else ""),
        "device": f"{info['device']}, {info['backend']}",
        "wall time": f"{info['wall_time_s'] / 60:.1f} min",
        "peak memory": f"{info['peak_memory_mb']:,} MB",
        "model file": f"{info['model_bytes'] / 1e6:.1f} MB",
    }
    return pd.DataFrame(rows.items(), columns=["item", "value"])


def answers(run: Record, threshold: float, split: str = "test") -> pd.DataFrame:
    """Return the scores of a split with y_predicted, label, predicted, confidence (of the predicted class), correct."""
    table = run.split(split).copy()
    table["y_predicted"] = (table.y_score >= threshold).astype(int)
    table["confidence"] = np.where(table.y_predicted == 1, table.y_score, 1 - table.y_score)
    table["label"], table["predicted"] = ([CLASSES[y] for y in table[name]] for name in ("y_true", "y_predicted"))
    return table.assign(correct=table.y_true == table.y_predicted)


def examples(answered: pd.DataFrame, count: int, seed: int = 0) -> pd.DataFrame:
    """Return `count` images, a quarter from each of TP, FN, FP, TN where there are any, drawn with a seed."""
    groups = [part for _, part in answered.groupby(["y_true", "y_predicted"])]
    drawn = [part.sample(min(len(part), -(-count // len(groups))), random_state=seed) for part in groups]
    return pd.concat(drawn).head(count)


def ablation(systems: dict[str, Sequence[Record]], reference: str, metric: str = "roc_auc") -> pd.DataFrame:
    """Return one row per variant, best on validation first; the test column is reported and ranks nothing.

    The difference to the reference row is paired: the same patients are drawn for both.
    """
    rows = []
    for name, runs in systems.items():
        val, test = (metrics.evaluate_seeds(scores(runs, split)).loc[metric] for split in ("val", "test"))
        gain = metrics.difference(scores(runs, "val"), scores(systems[reference], "val")).loc[metric]
        spread = np.std([metrics.points(run.split("val"))[metric] for run in runs], ddof=min(1, len(runs) - 1))
        row = {"variant": name, "val": val.value, "val 95 % CI": interval(val), "SD over seeds": spread}
        row |= {"difference": gain.value, "difference 95 % CI": f"{gain.ci_low:+.3f} to {gain.ci_high:+.3f}"}
        rows.append(row | {"test": test.value, "test 95 % CI": interval(test)})
    return pd.DataFrame(rows).sort_values("val", ascending=False, kind="stable", ignore_index=True)


def system_table(
    systems: dict[str, Sequence[pd.DataFrame]], thresholds: Mapping[str, Sequence[float]] = MappingProxyType({})
) -> pd.DataFrame:
    """Return one row per system: AUC, accuracy, sensitivity, specificity and Brier score, each with its interval.

    `thresholds` are operating points by system, one per run; 0.5 where there is none.
    """
    shown = ("roc_auc", "accuracy", "recall", "specificity", "brier")
    rows = []
    for name, runs in systems.items():
        table = metrics.evaluate_seeds(runs, thresholds.get(name, THRESHOLD))
        figures = {metrics.TITLES[key]: cell(table.loc[key]) for key in shown}
        rows.append({"system": name, "seeds": len(runs)} | figures)
    return pd.DataFrame(rows)


def differences(
    systems: dict[str, Sequence[pd.DataFrame]],
    leader: str,
    metric: str,
    thresholds: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> pd.DataFrame:
    """Return each system's paired difference to `leader` in one metric (theirs minus the leader's) with its interval."""
    rows = []
    for name, runs in systems.items():
        if name != leader:
            limits = thresholds.get(name, THRESHOLD), thresholds.get(leader, THRESHOLD)
            gap = metrics.difference(runs, systems[leader], limits).loc[metric]
            rows.append({"system": name, "difference": gap.value, "95 % CI": f"{gap.ci_low:+.3f} to {gap.ci_high:+.3f}"})
    return pd.DataFrame(rows)


def cost_table(systems: dict[str, Sequence[Record]]) -> pd.DataFrame:
    """Return one row per system: image size, parameters, seconds per epoch (mean over runs), memory, model file."""
    rows = []
    for name, runs in systems.items():
        config, info = runs[0].config, runs[0].info
        seconds = np.mean([run.info["training_time_s"] / len(run.history) for run in runs])
        row = {"system": name, "pixels": f"{config.size}×{config.size}", "start": info["initialisation"]}
        row |= {"parameters": info["parameters"], "trained": info["trainable_parameters"], "s per epoch": round(seconds, 1)}
        rows.append(row | {"memory (MB)": info["peak_memory_mb"], "file (MB)": round(info["model_bytes"] / 1e6, 1)})
    return pd.DataFrame(rows)
