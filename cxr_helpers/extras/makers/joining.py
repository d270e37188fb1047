"""The runs that an ensemble, a calibrated experiment or a cascade is made from: one protocol, the same images."""

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.records import Record


def runs(experiment: str, config: Config, profile: str) -> list[Record]:
    """Return a member's runs under the protocol of `config`, one per seed.

    Raises:
        CxrError: the experiment is unknown, has no complete record, or none under this protocol.
    """
    found = [run for run in records.of(experiment, profile) if run.config.protocol == config.protocol]
    if not found:
        raise CxrError(f"Config: member {experiment} has no run under protocol {config.protocol!r}; join those of one protocol.")
    return found


def paired(config: Config, profile: str) -> list[Record]:
    """Return one run of each of `config.members`: run number `seed`, counted anew where a member has fewer; errors as `runs`."""
    each = [runs(experiment, config, profile) for experiment in config.members]
    return [found[config.seed % len(found)] for found in each]


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
