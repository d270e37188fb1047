"""The trained runs that an ensemble or a cascade joins, and whether its scores are still theirs."""

import numpy as np
import pandas as pd

from cxr_helpers import paths, records
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import calibration
from cxr_helpers.records import Record

JOINING = ("ensemble", "calibrated")  # models whose score is a function of their members' scores
_ROUNDING = 1e-5  # of stored scores, which have seven digits


def aligned(joined: list[Record]) -> list[pd.DataFrame]:
    """Return the runs' scores with equal rows in equal order, by split and image_id; other images or sets are a CxrError."""
    tables = [run.scores.sort_values(["split", "image_id"], ignore_index=True) for run in joined]
    keys = ["image_id", "split", "y_true"]
    for run, table in zip(joined, tables, strict=True):
        if run.info["data_hash"] != joined[0].info["data_hash"] or not table[keys].equals(tables[0][keys]):
            names = f"{joined[0].run_id} and {run.run_id}"
            raise CxrError(f"Runs {names} were scored on different images; train both anew with --retrain, on one set.")
    return tables


def joined(run: Record, profile: str) -> list[Record]:
    """Return the runs that the run of an ensemble or a calibrated experiment joins; one trained anew is a CxrError."""
    found = [records.read(paths.runs(profile) / member) for member in run.info["members"]]
    if run.config.model in JOINING and not _still_those_of(run, found):
        raise CxrError(f"Run {run.run_id} joins scores that its members no longer have; train it anew with --retrain.")
    return found


def _still_those_of(run: Record, found: list[Record]) -> bool:
    """Tell whether a run's scores are the mean of the scores of what it joins, at its temperature."""
    own, *theirs = (table.y_score for table in aligned([run, *found]))
    return np.allclose(own, at_temperature(run, theirs), rtol=0, atol=_ROUNDING)


def at_temperature(run: Record, scores: list[pd.Series]) -> np.ndarray:
    """Return what a run makes of the scores of what it joins, one array a member: their mean, at its temperature."""
    return calibration.at_temperature(np.mean(scores, axis=0), run.info.get("temperature", 1.0))


def networks(run: Record, profile: str) -> list[Record]:
    """Return the runs of single networks behind a run: itself, or those behind what it joins."""
    if run.config.model not in JOINING:
        return [run]
    return [network for member in joined(run, profile) for network in networks(member, profile)]
