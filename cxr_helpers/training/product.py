"""What a maker of a system leaves behind, and where its model lies."""

import dataclasses
from pathlib import Path

import pandas as pd

from cxr_helpers import paths


@dataclasses.dataclass(frozen=True)
class Product:
    """The content of a run record: `info` for run.json, and tables by name ("scores", "history", ...)."""

    info: dict
    tables: dict[str, pd.DataFrame]


def model_path(profile: str, run_id: str) -> Path:
    """Return where the trained model of a run lies (it is not committed)."""
    return paths.build(profile) / "models" / f"{run_id}.keras"
