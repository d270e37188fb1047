"""Training configurations and candidates for the final model, ranked on corrupted validation images.

All nearly separate the validation images as they are, which come from the training folder; the test folder is another, and its
images choose nothing. So they are ranked by their mean cross-entropy on validation images that were corrupted
(`rescoring.VALIDATION`): it grows with wrong predictions, and with sure wrong ones the most. Rule and corruptions were fixed
before the first was trained.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from cxr_helpers import experiments, records
from cxr_helpers.evaluation import bootstrap, metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import statistics
from cxr_helpers.training import rescoring

CHAPTER = "08_final_model"  # whose calibrated experiments are the candidates
LOSS = "loss, corrupted val"
DIFFERENCE = "difference (95 % CI)"
_Runs = Mapping[str, Sequence[Record]]


def made(profile: str) -> dict[str, Sequence[Record]]:
    """Return the candidates that have been made: experiment -> its runs."""
    named = experiments.of_chapter(CHAPTER, profile)
    found = [one for one in named if one.configs[0].model == "calibrated" and records.recorded(one, profile)]
    return {one.name: records.of(one.name, profile) for one in found}


def choose(candidates: _Runs, profile: str) -> Record:
    """Return the final model: of the smallest candidate that holds the result, the run with the least loss.

    A candidate holds the result if the paired interval of its loss minus the least candidate's holds zero; the smallest joins
    the fewest networks, and of those that join as many has the least loss.
    """
    holding = held(candidates, profile)
    chosen = min(holding, key=lambda name: (holding[name], losses(candidates[name], profile).loss.mean()))
    by_run = losses(candidates[chosen], profile)
    return min(candidates[chosen], key=lambda run: by_run[run.run_id].mean())


def held(candidates: _Runs, profile: str) -> dict[str, int]:
    """Return the candidates that hold the result (see `choose`): experiment -> networks that it joins; the least loss first."""
    first = min(candidates, key=lambda name: losses(candidates[name], profile).loss.mean())
    gaps = differences(candidates, first, profile)
    return {name: len(rescoring.networks(candidates[name][0], profile)) for name in [first, *gaps.index[gaps.ci_low <= 0]]}


def losses(runs: Sequence[Record], profile: str) -> pd.DataFrame:
    """Return the cross-entropy of each corrupted validation image, a mean over corruptions and over runs.

    Columns: image_id, patient_id, loss, and one for each run's own mean.
    """
    parts = []
    for run in runs:
        images = rescoring.corrupted_validation(run, profile)
        images = images.assign(loss=metrics.cross_entropy(images), image_id=images.image_id.str.rpartition("/")[0])
        parts.append(images.groupby(["image_id", "patient_id"]).loss.mean())
    return pd.concat(parts, axis=1, keys=[run.run_id for run in runs]).assign(loss=lambda t: t.mean(axis=1)).reset_index()


def differences(runs: _Runs, reference: str, profile: str) -> pd.DataFrame:
    """Return each other's loss minus the reference's: index name, least first; value, ci_low, ci_high over patients."""
    base, rows = losses(runs[reference], profile), {}
    for name in runs.keys() - {reference}:
        table = losses(runs[name], profile)
        rows[name] = bootstrap.mean_interval((table.loss - base.loss).to_numpy(), table.patient_id.to_numpy())
    return pd.DataFrame(rows, index=["value", "ci_low", "ci_high"]).T.rename_axis("name").sort_values("value")


def ranking(runs: _Runs, reference: str, profile: str) -> pd.DataFrame:
    """Return one row per experiment, the least loss first: experiment, seeds, `LOSS`, SD (over seeds, where there are several),
    and `DIFFERENCE` to the reference, paired over patients.
    """
    gaps, rows = differences(runs, reference, profile), []
    for name, own in runs.items():
        by_run = losses(own, profile)[[run.run_id for run in own]].mean()
        row = {"experiment": name, "seeds": len(own), LOSS: by_run.mean(), "SD": by_run.std()}
        rows.append(row | statistics.columns(DIFFERENCE, None if name == reference else gaps.loc[name]))
    return statistics.shown_as(rows, {DIFFERENCE: "+"}).sort_values(LOSS, kind="stable", ignore_index=True)
