"""Runs of experiments of one kind, for chapters whose parameters name them."""

from collections.abc import Iterable

from cxr_helpers import experiments, records
from cxr_helpers.errors import CxrError
from cxr_helpers.records import Record


def of(names: Iterable[str], model: str, profile: str) -> dict[str, list[Record]]:
    """Return the runs of experiments whose model is `model` ("cascade", "unet", ...), by experiment.

    Raises:
        CxrError: a name is unknown, has no record, or is that of another kind; the sentence lists those that fit.
    """
    models = {experiment.name: experiment.configs[0].model for experiment in experiments.load(profile).values()}
    names = list(dict.fromkeys(names))
    for name in names:
        if models.get(name) != model:
            fitting = ", ".join(each for each, kind in models.items() if kind == model)
            raise CxrError(f"Experiment {name!r} is no {model} of experiments.toml; choose among {fitting}.")
    return {name: records.of(name, profile) for name in names}
