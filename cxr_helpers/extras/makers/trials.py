"""The trials of grid search and random search over four hyper-parameters (Kondragunta 2024): space and results.

What is searched and how long was decided before the first trial. Grid and random search (Bergstra and Bengio 2012) have
the same ranges and the same number of trials. The module `search` makes the trials; `search/grid.csv` and
`search/random.csv` among the reports hold them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError

RANGES = {"learning_rate": (1e-4, 1e-2), "dropout": (0.0, 0.6), "batch_size": (32, 128)}
WIDTHS = (0, 32, 64, 128)
# Its corners are those of the ranges, and the defaults of `Config` are one of its points.
GRID = {"learning_rate": [1e-4, 1e-3, 1e-2], "dropout": [0.0, 0.3, 0.6], "batch_size": [32, 128], "width": [0, 128]}
NAMES = tuple(GRID)
DEFAULTS = {name: Config.__dataclass_fields__[name].default for name in NAMES}
BUDGET = {"full": 36, "smoke": 3}  # trials a study: all points of the grid, or the first few
UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 5, 2  # before these no trial is pruned


def table_path(kind: str, profile: str) -> Path:
    """Return where the trials of a finished study ("grid" or "random") lie."""
    return paths.reports(profile) / "search" / f"{kind}.csv"


def load(kind: str, profile: str) -> pd.DataFrame:
    """Return the trials of a finished study, one row each in the order of time.

    Columns: trial, state ("complete" or "pruned"), val_auc and val_loss (of the epoch with the least validation loss),
    epochs, seconds, the hyper-parameters `NAMES`, and study (the key of what was searched).

    Raises:
        CxrError: there is none, or its file cannot be read.
    """
    path = table_path(kind, profile)
    stored_results.note(path)
    try:
        return pd.read_csv(path, dtype={"study": str}).astype({"batch_size": int, "width": int, "study": str})
    except (OSError, ValueError, KeyError) as error:
        command = f"cxr train search_{kind} --retrain --profile {profile}"
        raise CxrError(f"{path} does not hold the trials of a study ({error}); run `{command}`.") from error


def best(trials: pd.DataFrame) -> pd.Series:
    """Return the completed trial with the largest validation AUC, the first of equals."""
    return trials.loc[trials.val_auc[trials.state == "complete"].idxmax()]


def chosen(trials: pd.DataFrame) -> dict[str, float | int]:
    """Return the hyper-parameters of the best trial, as `Config` takes them."""
    row = best(trials)
    return {name: int(row[name]) if name in ("batch_size", "width") else float(row[name]) for name in NAMES}


def space() -> pd.DataFrame:
    """Return one row per hyper-parameter: the grid's values, what random search draws from, and the default."""
    drawn = {name: f"{low:g} to {high:g}" for name, (low, high) in RANGES.items()} | {"width": _listed(WIDTHS)}
    rows = [(name.replace("_", " "), _listed(values), drawn[name], f"{DEFAULTS[name]:g}") for name, values in GRID.items()]
    return pd.DataFrame(rows, columns=["hyper-parameter", "grid", "random", "default"])


def summary(studies: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per study: trials, pruned ones, epochs and minutes spent, and the best trial's AUC and values."""
    rows = []
    for kind, trials in studies.items():
        row = {"search": kind, "trials": len(trials), "pruned": int((trials.state == "pruned").sum())}
        row |= {"epochs": int(trials.epochs.sum()), "minutes": trials.seconds.sum() / 60, "best val AUC": best(trials).val_auc}
        rows.append(row | {name.replace("_", " "): f"{value:.3g}" for name, value in chosen(trials).items()})
    return pd.DataFrame(rows)


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
