"""Candidates for the final model: systems of `calibrated`, whose temperature and threshold come from corrupted validation images.

They are ranked by their cross-entropy on those images (`recipes`), and the smallest that holds the result is taken; the test
images and the adult images are reported and choose nothing.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxr_helpers import experiments, records
from cxr_helpers.evaluation import calibration, metrics, operating_point
from cxr_helpers.records import Record
from cxr_helpers.tables import results, training_configurations
from cxr_helpers.training import members, rescoring

CHAPTER = "08_final_model"  # whose calibrated systems are the candidates
FIGURES = ("roc_auc", "accuracy", "recall", "specificity", "ece")
_CHANGED = ("accuracy", "recall", "specificity", "ece")  # by a temperature or a threshold
GAP = "minus the least (95 % CI)"
_NONE = "–"


def systems(profile: str) -> dict[str, Sequence[Record]]:
    """Return the candidates that have been made: system → its runs."""
    named = experiments.of_chapter(CHAPTER, profile)
    made = [system for system in named if system.configs[0].model == "calibrated" and records.recorded_way(system, profile)]
    return {system.name: records.of(system.name, profile) for system in made}


def table(
    systems: Mapping[str, Sequence[Record]], profile: str, times: Mapping[str, str], nulls: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return one row per candidate, the least loss on corrupted validation images first, then one per shortcut baseline.

    Args:
        systems: candidate → its runs.
        profile: "full" or "smoke".
        times: candidate → what an image costs it in milliseconds.
        nulls: shortcut baseline → its scores, at the threshold that is best on validation images (Youden).

    Returns:
        system; seeds; networks (whose answers it joins); MB (of their files); ms an image, one at a time; `recipes.LOSS` (mean
        over seeds) and, by `GAP`, that minus the first row's; and, to be read only, the test images' `FIGURES` at each run's
        own threshold.
    """
    first = _first(systems, profile)
    gaps = training_configurations.differences(systems, first, profile)
    rows = []
    for name, runs in systems.items():
        row = {"system": name, "seeds": len(runs), "networks": len(members.networks(runs[0], profile))}
        row |= {"MB": f"{runs[0].info['model_bytes'] / 1e6:.1f}", "ms an image": times.get(name, _NONE)}
        row |= {training_configurations.LOSS: training_configurations.losses(runs, profile).loss.mean()}
        row |= {GAP: _NONE if name == first else results.signed(*gaps.loc[name])}
        rows.append(row | _figures(results.scores(runs), results.thresholds(runs)))
    rows.sort(key=lambda row: row[training_configurations.LOSS])
    rows = [row | {training_configurations.LOSS: f"{row[training_configurations.LOSS]:.3f}"} for row in rows]
    for name, scores in nulls.items():
        val, test = (scores[scores.split == part] for part in ("val", "test"))
        row = dict.fromkeys(rows[0], _NONE) | {"system": f"shortcut baseline: {name}"}
        rows.append(row | _figures([test], [operating_point.choose(val)]))
    return pd.DataFrame(rows)


def effect(systems: Mapping[str, Sequence[Record]], profile: str) -> pd.DataFrame:
    """Return two rows per candidate, its member as trained and calibrated: what temperature and threshold change on test.

    As trained, the threshold is Youden's on validation images as they are. Figures are means over seeds.
    """
    rows = []
    for name, runs in systems.items():
        trained = [member for run in runs for member in members.joined(run, profile)]
        for way, chosen in (("as trained", trained), ("calibrated", runs)):
            limits = results.thresholds(chosen)
            row = {"system": name, "way": way, "threshold": np.mean(limits)}
            rows.append(row | _figures(results.scores(chosen), limits, _CHANGED))
    return pd.DataFrame(rows)


def sizes(runs: Sequence[Record], profile: str) -> pd.DataFrame:
    """Return what each further network of an ensemble brings: one row per number of networks, a mean over all choices of them.

    Args:
        runs: one network a seed.
        profile: "full" or "smoke".

    Returns:
        networks; choices; `recipes.LOSS` at the temperature fitted to the same corrupted validation images; and, to be read
        only, AUC on the test images, and its difference to one network fewer (paired over patients).
    """
    corrupted = [rescoring.corrupted_validation(run, profile) for run in runs]
    tests, rows, fewer = members.aligned(list(runs)), [], None
    tests = [part[part.split == "test"].reset_index(drop=True) for part in tests]
    for count in range(1, len(runs) + 1):
        choices = list(itertools.combinations(range(len(runs)), count))
        losses = [_tempered_loss(_mean([corrupted[place] for place in choice])) for choice in choices]
        joined = [_mean([tests[place] for place in choice]) for choice in choices]
        row = {"networks": count, "choices": len(choices), training_configurations.LOSS: np.mean(losses)}
        row |= {"ROC AUC, test": results.cell(metrics.evaluate_seeds(joined, results.THRESHOLD).loc["roc_auc"])}
        gap = metrics.difference(joined, fewer).loc["roc_auc"] if fewer else None
        rows.append(row | {"difference (95 % CI)": _NONE if gap is None else results.signed(gap.value, gap.ci_low, gap.ci_high)})
        fewer = joined
    return pd.DataFrame(rows)


def choose(systems: Mapping[str, Sequence[Record]], profile: str) -> Record:
    """Return the final model: of the smallest candidate that holds the result, the run with the least loss.

    Losses are those on corrupted validation images. A candidate holds the result if the paired interval of its loss minus the
    least candidate's holds zero; the smallest joins the fewest networks, and of those that join as many has the least loss.
    """
    holding = held(systems, profile)
    chosen = min(holding, key=lambda name: (holding[name], training_configurations.losses(systems[name], profile).loss.mean()))
    losses = training_configurations.losses(systems[chosen], profile)
    return min(systems[chosen], key=lambda run: losses[run.run_id].mean())


def held(systems: Mapping[str, Sequence[Record]], profile: str) -> dict[str, int]:
    """Return the candidates that hold the result (see `choose`): system → how many networks it joins; the least loss first."""
    first = _first(systems, profile)
    gaps = training_configurations.differences(systems, first, profile)
    return {name: len(members.networks(systems[name][0], profile)) for name in [first, *gaps.index[gaps.ci_low <= 0]]}


def _first(systems: Mapping[str, Sequence[Record]], profile: str) -> str:
    return min(systems, key=lambda name: training_configurations.losses(systems[name], profile).loss.mean())


def _figures(scores: Sequence[pd.DataFrame], limits: Sequence[float], shown: Sequence[str] = FIGURES) -> dict[str, str]:
    found = metrics.evaluate_seeds(scores, limits)
    return {metrics.TITLES[key]: results.cell(found.loc[key]) for key in shown}


def _mean(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return scores whose y_score is the mean over tables with equal rows in equal order."""
    return tables[0].assign(y_score=np.mean([part.y_score for part in tables], axis=0))


def _tempered_loss(corrupted: pd.DataFrame) -> float:
    return calibration.cross_entropy(calibration.tempered(corrupted, calibration.fit_temperature(corrupted))).mean()
