"""What a source document leaves open, and the readings that were made of it: reports/readings.toml and reports/readings/."""

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.config import one_of


def claim(name: str) -> dict:
    """Return what readings.toml says of a claim; an unknown name is a CxrError that lists the known ones."""
    claims = stored_results.read(paths.reports("full") / "readings.toml", "")
    return claims[one_of("readings", name, claims)]


def choices(text: dict) -> pd.DataFrame:
    """Return one row per choice of a claim, the stopping rule last: choice, options, why."""
    rows = [*text["choices"], {"name": "stopping", **text["stopping"]}]
    return pd.DataFrame([{"choice": row["name"], "options": "; ".join(row["options"]), "why": row["why"]} for row in rows])


def load(name: str, profile: str, missing_ok: bool = False) -> pd.DataFrame | None:
    """Return the readings of a claim, as `extras.makers.readings.make` makes them; errors as `stored_results.read`."""
    path = paths.reports(profile) / "readings" / f"{name}.csv"
    return stored_results.read(path, f"cxr readings {name} --profile {profile}", missing_ok)
