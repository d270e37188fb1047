"""The final model: candidates ranked on validation, what it reaches on the official test films, and which goals it meets.

Candidates are systems of `calibrated`, whose temperature and threshold come from disturbed validation films. They are
ranked by their cross-entropy on those films (`recipes`), and the smallest that holds the result is taken; the test films and the
adult films are reported and choose nothing.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers import experiments, paths, records
from cxr_helpers.evaluation import calibration, metrics
from cxr_helpers.files import atomic_write
from cxr_helpers.records import Record
from cxr_helpers.systems import members, rescoring
from cxr_helpers.tables import recipes, results

CHAPTER = "17_final_model"  # whose calibrated systems are the candidates
FILE = "final_model.json"
# Name in FILE -> the metric of `metrics`.
FIGURES = {"auc": "roc_auc", "accuracy": "accuracy", "sensitivity": "recall", "specificity": "specificity", "ece": "ece"}
_CHANGED = ("accuracy", "recall", "specificity", "ece")  # by a temperature or a threshold
# Fixed before any candidate was trained: metric -> (its goal, whether less is better).
GOALS = {"roc_auc": (0.994, False), "accuracy": (0.965, False), "specificity": (0.93, False), "ece": (0.02, True)}


def systems(profile: str) -> dict[str, Sequence[Record]]:
    """Return the candidates that have been made: system → its runs."""
    named = experiments.of_chapter(CHAPTER, profile)
    made = [system for system in named if system.configs[0].model == "calibrated" and records.recorded_way(system, profile)]
    return {system.name: records.of(system.name, profile) for system in made}


def candidates(systems: Mapping[str, Sequence[Record]], profile: str, times: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return one row per candidate, the least loss on disturbed validation films first.

    Args:
        systems: candidate → its runs.
        profile: "full" or "smoke".
        times: candidate → what a film costs it in milliseconds, None where that was not measured.

    Returns:
        system; seeds; networks (whose answers it joins); MB (of their files); ms a film, one at a time; `recipes.LOSS` (mean
        over seeds); and, to be read only, the test films' figures that there are `GOALS` for, at each run's own threshold.
    """
    rows = []
    for name, runs in systems.items():
        row = {"system": name, "seeds": len(runs), "networks": len(members.networks(runs[0], profile))}
        row |= {"MB": runs[0].info["model_bytes"] / 1e6}
        row |= {} if times is None else {"ms a film": times.get(name, "–")}
        row |= {recipes.LOSS: recipes.losses(runs, profile).loss.mean()}
        found = metrics.evaluate_seeds(results.scores(runs), results.thresholds(runs))
        rows.append(row | {metrics.TITLES[key]: results.cell(found.loc[key]) for key in GOALS})
    return pd.DataFrame(rows).sort_values(recipes.LOSS, kind="stable", ignore_index=True)


def effect(systems: Mapping[str, Sequence[Record]], profile: str) -> pd.DataFrame:
    """Return two rows per candidate, its member as trained and calibrated: what temperature and threshold change on test.

    As trained, the threshold is Youden's on validation films as they are. Figures are means over seeds.
    """
    rows = []
    for name, runs in systems.items():
        trained = [member for run in runs for member in members.joined(run, profile)]
        ways = {"as trained": (trained, results.thresholds(trained))}
        ways["calibrated"] = runs, results.thresholds(runs)
        for way, (chosen, limits) in ways.items():
            found = metrics.evaluate_seeds(results.scores(chosen), limits)
            row = {"system": name, "way": way, "threshold": np.mean(limits)}
            rows.append(row | {metrics.TITLES[key]: results.cell(found.loc[key]) for key in _CHANGED})
    return pd.DataFrame(rows)


def choose(systems: Mapping[str, Sequence[Record]], profile: str) -> Record:
    """Return the final model: of the smallest candidate that holds the result, the run with the least loss.

    Losses are those on disturbed validation films. A candidate holds the result if the paired interval of its loss minus the
    least candidate's holds zero; the smallest joins the fewest networks, and of those that join as many has the least loss.
    """
    losses = {name: recipes.losses(runs, profile) for name, runs in systems.items()}
    first = min(losses, key=lambda name: losses[name].loss.mean())
    gaps = recipes.differences(systems, first, profile)
    holding = [first, *gaps.index[gaps.ci_low <= 0]]
    size = {name: len(members.networks(systems[name][0], profile)) for name in holding}
    chosen = min(holding, key=lambda name: (size[name], losses[name].loss.mean()))
    return min(systems[chosen], key=lambda run: losses[chosen][run.run_id].mean())


def goals(run: Record) -> pd.DataFrame:
    """Return one row per goal: figure, its goal, the value on the official test films with its interval, and whether it is met.

    The ECE has the value beside it that perfectly calibrated scores would show at this number of films.
    """
    found, rows = official(run), []
    for name, (goal, less) in GOALS.items():
        row = found.loc[name]
        gap = row.value - goal if less else goal - row.value
        verdict = "met" if gap <= 0 else f"missed by {gap:.3f}"
        row = {"figure": metrics.TITLES[name], "goal": f"{'≤' if less else '≥'} {goal:g}", "value (95 % CI)": results.cell(row)}
        rows.append(row | {"verdict": verdict})
    perfect = calibration.perfect(run.split("test")).loc["ece_width"]
    return pd.DataFrame(rows).assign(**{"perfectly calibrated": ["–"] * (len(rows) - 1) + [results.cell(perfect)]})


def official(run: Record) -> pd.DataFrame:
    """Return every metric of a run on the official test films at its own threshold: value, ci_low, ci_high."""
    return metrics.evaluate(run.split("test"), run.info["threshold"])


def write(run: Record, profile: str) -> Path:
    """Store what the final model is and reaches as `FILE` among the profile's tables; return its path.

    Holds run_id, threshold and temperature (unrounded), `official_test` with the names of `FIGURES`, each with NAME_ci =
    [low, high], and external_auc with external_auc_ci, which are null where the adult films were never scored.
    """
    table = official(run).loc[list(FIGURES.values())].astype(float)
    figures = {}
    for name, metric in FIGURES.items():
        figures |= {name: table.value[metric], f"{name}_ci": [table.ci_low[metric], table.ci_high[metric]]}
    content = {"run_id": run.run_id, "threshold": run.info["threshold"], "temperature": run.info["temperature"]}
    content |= {"official_test": figures} | _external(run, profile)
    path = paths.tables(profile) / FILE
    atomic_write(path, json.dumps(content, indent=2) + "\n")
    return path


def outside(run: Record, profile: str) -> str:
    """Return in words what the final model reaches on the adult films, or that they were never scored."""
    found = _external(run, profile)
    if found["external_auc"] is None:
        return "The adult films have not been scored with it: `CXR_EXTERNAL_DIR` names no folder."
    low, high = found["external_auc_ci"]
    return f"On the adult films (@ch:16_external) its AUC is {found['external_auc']:.3f} (95 % CI {low:.3f}–{high:.3f})."


def gain(systems: Mapping[str, Sequence[Record]], small: str, large: str, profile: str) -> str:
    """Return in words what a larger candidate gains over a smaller one: loss on disturbed validation films, AUC on test films."""
    loss = recipes.differences({name: systems[name] for name in (small, large)}, small, profile).loc[large]
    auc = metrics.difference(results.scores(systems[large]), results.scores(systems[small])).loc["roc_auc"]
    networks = {name: len(members.networks(systems[name][0], profile)) for name in (small, large)}
    return (
        f"{large}, of {networks[large]} networks, against {small}, of {networks[small]}: "
        f"loss {results.signed(loss.value, loss.ci_low, loss.ci_high)} on disturbed validation films, "
        f"AUC {results.signed(auc.value, auc.ci_low, auc.ci_high)} on the official test films."
    )


def hours(systems: Mapping[str, Sequence[Record]], profile: str) -> str:
    """Return in words how long the networks behind these systems took to train, each counted once."""
    networks = [network for runs in systems.values() for run in runs for network in members.networks(run, profile)]
    spent = {network.run_id: network.info["wall_time_s"] for network in networks}.values()
    return f"The {len(spent)} networks of this chapter took {sum(spent) / 3600:.1f} hours to train."


def _external(run: Record, profile: str) -> dict:
    tables = rescoring.of([run], profile, rescoring.EXTERNAL)
    if tables is None:
        return {"external_auc": None, "external_auc_ci": None}
    row = metrics.evaluate(tables[0]).loc["roc_auc"].astype(float)
    return {"external_auc": row.value, "external_auc_ci": [row.ci_low, row.ci_high]}
