"""From the stored parts of a measurement to one row a method, model, data set and measure, with its interval."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import agreement
from cxr_helpers.evaluation import metrics as scores_metrics
from cxr_helpers.extras.saliency.map_subjects import Plan
from cxr_helpers.extras.statistics import localisation, map_similarity
from cxr_helpers.extras.tables import explanation_tables as names
from cxr_helpers.extras.tables.explanation_tables import MARKED, SMALL, TEST


@dataclasses.dataclass(frozen=True)
class Part:
    """What one method made of one subject.

    `small`: float32 (n, side, side), |map|. `values`: measure → (n,). `patients`: (n,) text. `seconds` it took.
    """

    method: str
    data: str
    model: str
    seed: int
    state: str
    patients: np.ndarray
    small: np.ndarray
    values: dict[str, np.ndarray]
    seconds: float

    @property
    def key(self) -> tuple[str, str, str]:
        """Return method, data, model."""
        return self.method, self.data, self.model


def rows(parts: Sequence[Part], plan: Plan) -> pd.DataFrame:
    """Return the table: `COLUMNS` of `explanation_tables`, one row a method, model, data set and measure."""
    plain = [part for part in parts if not part.state]
    by_key: dict[tuple, list[Part]] = {}
    for part in plain:
        by_key.setdefault(part.key, []).append(part)
    found = []
    for group in by_key.values():
        found += _own(group) + _between_seeds(group)
    found += _changed(parts, by_key) + _dealt(by_key) + _shortcut(by_key)
    found += _between_models(by_key, plan) + _between_methods(by_key, (plan.systems[0], names.LABELS))
    return pd.DataFrame(found)


def row(method: str, model: str, data: str, measure: str, values: np.ndarray, patients: np.ndarray | None = None) -> dict:
    """Return one row: the mean of `values` (n,) with its interval over patients (over images where these are not given)."""
    patients = np.arange(len(values)) if patients is None else patients
    found = agreement.mean_interval(np.asarray(values, float), patients)
    return {"method": method, "model": model, "data": data, "measure": measure, **found, "n": len(values)}


def facts(model: str, data: str, y_true: np.ndarray, scores: Sequence[np.ndarray]) -> list[dict]:
    """Return the rows on a model itself from the scores (n,) of each of its seeds: AUC, and the share of false alarms."""
    images = pd.DataFrame({"image_id": np.arange(len(y_true)).astype(str), "y_true": y_true}).assign(split="test")
    images["patient_id"] = images.image_id
    auc = scores_metrics.evaluate_seeds([images.assign(y_score=part) for part in scores], 0.5).loc["roc_auc"]
    about = {"method": names.MODEL, "model": model, "data": data}
    alarms = np.mean([part[y_true == 0] >= 0.5 for part in scores], axis=0)
    first = about | {"measure": names.AUC, "value": auc.value, "ci_low": auc.ci_low, "ci_high": auc.ci_high, "n": len(y_true)}
    return [first, row(names.MODEL, model, data, names.ALARMS, alarms)]


def _own(group: list[Part]) -> list[dict]:
    """Return the rows of the measures of a method's own maps: means over the seeds that have them."""
    made = []
    thresholds = [names.iou(limit) for limit in localisation.THRESHOLDS]
    measures = {name: _over_seeds(group, name) for name in group[0].values}
    curve = {name: measures[name].mean() for name in thresholds if name in measures}
    for name, values in measures.items():
        if name not in thresholds or name == names.iou(localisation.FIXED):
            made.append(_row(group[0], name, values))
    if curve:
        made.append(_row(group[0], names.IOU_BEST, measures[max(curve, key=curve.get)]))
    return made


def _between_seeds(group: list[Part]) -> list[dict]:
    pairs = list(itertools.combinations(group, 2))
    return _alike(group[0], pairs, names.SEEDS) if pairs else []


def _changed(parts: Sequence[Part], by_key: dict[tuple, list[Part]]) -> list[dict]:
    """Return how alike maps are before and after a change of image or weights."""
    made = []
    for part in parts:
        if part.state:
            base = next(one for one in by_key[part.key] if one.seed == part.seed)
            made += _alike(base, [(base, part)], part.state)
    return made


def _dealt(by_key: dict[tuple, list[Part]]) -> list[dict]:
    """Return how alike the maps of the small network are to those of its twin with labels dealt at random."""
    made = []
    for (method, data, model), group in by_key.items():
        twin = by_key.get((method, data, f"{SMALL}, shuffled"))
        if model == names.LABELS and twin:
            made += _alike(group[0], [(group[0], twin[0])], names.DEALT)
    return made


def _shortcut(by_key: dict[tuple, list[Part]]) -> list[dict]:
    """Return the AUC with which a method's energy in the marker tells networks that use it from those that do not."""
    made, measure = [], names.energy(names.MARKER)
    for (method, data, model), group in by_key.items():
        clean = by_key.get((method, data, names.CLEAN), [])
        pairs = [(part, other) for part in group for other in clean if part.seed == other.seed]
        if data == MARKED and model == names.HABIT and pairs:
            with_clue, without = (np.concatenate([part.values[measure] for part in one]) for one in zip(*pairs, strict=True))
            found = localisation.separation(with_clue, without, np.concatenate([part.patients for part, _ in pairs]))
            about = {"method": method, "model": names.AGAINST, "data": data, "measure": names.SEPARATION}
            made.append(about | {**found, "n": len(group[0].patients)})
    return made


def _between_models(by_key: dict[tuple, list[Part]], plan: Plan) -> list[dict]:
    made = []
    for (method, data, model), group in by_key.items():
        if data == TEST and model == plan.systems[0]:
            for other in plan.systems[1:]:
                theirs = by_key.get((method, data, other))
                made += _alike(group[0], [(group[0], theirs[0])], names.with_other(other)) if theirs else []
    return made


def _between_methods(by_key: dict[tuple, list[Part]], models: Sequence[str]) -> list[dict]:
    """Return the rank correlation of each pair of methods, controls among them, on test images."""
    made = []
    for model in models:
        groups = {key[0]: group[0] for key, group in by_key.items() if key[1:] == (TEST, model)}
        for ours, theirs in itertools.permutations(groups.values(), 2):
            made += _alike(ours, [(ours, theirs)], names.with_other(theirs.method), ["rank correlation"])
    return made


def _over_seeds(group: list[Part], measure: str) -> np.ndarray:
    """Return the mean over the seeds that have a measure, of the images that all of them have: the first ones."""
    values = [part.values[measure] for part in group if measure in part.values]
    return np.mean([each[: min(map(len, values))] for each in values], axis=0)


def _alike(base: Part, pairs: list[tuple[Part, Part]], what: str, measures=tuple(map_similarity.MEASURES)) -> list[dict]:
    """Return one row a measure of similarity: its mean over the pairs of parts, of the images that all of them have."""
    n = min(len(part.small) for pair in pairs for part in pair)
    made = []
    for name in measures:
        compare = map_similarity.MEASURES[name]
        values = np.mean([compare(ours.small[:n], theirs.small[:n]) for ours, theirs in pairs], axis=0)
        made.append(_row(base, names.alike(name, what), values))
    return made


def _row(part: Part, measure: str, values: np.ndarray) -> dict:
    return row(part.method, part.model, part.data, measure, values, part.patients[: len(values)])
