"""The trained runs that an ensemble or a cascade joins: one protocol, the same images."""

import numpy as np
import pandas as pd

from cxr_helpers import paths, records
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import calibration
from cxr_helpers.records import Record

JOINING = ("ensemble", "calibrated")  # models whose score is a function of their members' scores
_ROUNDING = 1e-5  # of stored scores, which have seven digits


def runs(system: str, config: Config, profile: str) -> list[Record]:
    """Return a member's runs under the protocol of `config`, one per seed.

    Raises:
        CxrError: the system is unknown, has no complete record, or none under this protocol.
    """
    found = [run for run in records.of(system, profile) if run.config.protocol == config.protocol]
    if not found:
        raise CxrError(f"Config: member {system} has no run under protocol {config.protocol!r}; join systems of one protocol.")
    return found


def paired(config: Config, profile: str) -> list[Record]:
    """Return one run of each of `config.members`: run number `seed`, counted anew where a member has fewer; errors as `runs`."""
    each = [runs(system, config, profile) for system in config.members]
    return [found[config.seed % len(found)] for found in each]


def aligned(joined: list[Record]) -> list[pd.DataFrame]:
    """Return the runs' scores with equal rows in equal order, by split and image_id.

    Raises:
        CxrError: two runs were scored on different images, or trained on different sets of them.
    """
    tables = [run.scores.sort_values(["split", "image_id"], ignore_index=True) for run in joined]
    keys = ["image_id", "split", "y_true"]
    for run, table in zip(joined, tables, strict=True):
        if run.info["data_hash"] != joined[0].info["data_hash"] or not table[keys].equals(tables[0][keys]):
            names = f"{joined[0].run_id} and {run.run_id}"
            raise CxrError(f"Runs {names} were scored on different images; train both anew with --retrain, on one set.")
    return tables


def info(joined: list[Record]) -> dict:
    """Return what a record says of the joined runs: their names, starts, images, and parameters and bytes in all."""
    first = joined[0].info
    sums = {
        name: sum(run.info[name] for run in joined)
        for name in ("parameters", "model_bytes")
        if all(name in run.info for run in joined)
    }
    return sums | {
        "members": [run.run_id for run in joined],
        "initialisation": "; ".join(dict.fromkeys(run.info["initialisation"] for run in joined)),
        **{name: first[name] for name in ("pixels", "data_hash", "images")},
    }


def joined(run: Record, profile: str) -> list[Record]:
    """Return the runs that an ensemble's, a calibrated system's or a soup's run was made from.

    Raises:
        CxrError: a member was trained anew since, so that the run's scores are no longer those of its members.
    """
    found = [records.read(paths.runs(profile) / member) for member in run.info["members"]]
    if run.config.model in JOINING and not _still_those_of(run, found):
        raise CxrError(f"Run {run.run_id} joins scores that its members no longer have; train its system anew with --retrain.")
    return found


def _still_those_of(run: Record, found: list[Record]) -> bool:
    """Tell whether a run's scores are the mean of the scores of what it joins, at its temperature."""
    tables = aligned([run, *found])
    mean = np.mean([table.y_score for table in tables[1:]], axis=0)
    expected = calibration.at_temperature(mean, run.info.get("temperature", 1.0))
    return bool(np.abs(expected - tables[0].y_score).max() <= _ROUNDING)


def network_config(run: Record, profile: str) -> Config:
    """Return the configuration of the network behind a run, the first where it joins several: it says what images it takes."""
    return network_config(joined(run, profile)[0], profile) if run.config.members else run.config


def networks(run: Record, profile: str) -> list[Record]:
    """Return the runs of single networks behind a run: itself, or those behind what it joins."""
    if run.config.model not in JOINING:
        return [run]
    return [network for member in joined(run, profile) for network in networks(member, profile)]
