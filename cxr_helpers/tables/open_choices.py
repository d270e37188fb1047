"""What a source document leaves open, and the readings that were made of it: reports/readings.toml and reports/readings/."""

from collections.abc import Sequence

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.config import one_of
from cxr_helpers.evaluation import metrics
from cxr_helpers.tables import reported_vs_reproduced, verdicts


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


def judged(text: dict, table: pd.DataFrame, ours: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return one row per reported figure that readings have: metric, reported, ours, least, largest, verdict (see `verdicts`).

    `ours` are the scores of our own reading, one frame a seed, on the images on which the text reports; ours_low and
    ours_high bound its 95 % interval over patients.
    """
    own, rows = metrics.evaluate_seeds(ours), []
    for figure in reported_vs_reproduced.reported()[text["experiment"]]["figures"]:
        metric, value = figure["metric"], figure.get("value")
        if f"{text['split']}_{metric}" in table:
            values = table[f"{text['split']}_{metric}"]
            mean, low, high = own.loc[metric]
            row = {"metric": metrics.title(metric), "reported": value, "ours": mean, "ours_low": low, "ours_high": high}
            row |= {"least reading": values.min(), "largest reading": values.max()}
            rows.append(row | {"verdict": verdicts.verdict(metric, value, mean, values, tuple(text["images"]), (low, high))})
    judged = pd.DataFrame(rows)
    judged.attrs["digits"] = {"reported": "{:g}"}
    return judged
