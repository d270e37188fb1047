"""From the stored parts of a measurement to one row a method, model, data set and measure, with its interval."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import bootstrap, metrics
from cxr_helpers.extras.saliency import map_measures as names
from cxr_helpers.extras.saliency.map_subjects import Plan, Subject
from cxr_helpers.extras.statistics import localisation, map_similarity


@dataclasses.dataclass(frozen=True)
class Part:
    """What one method made of one subject: `small` maps, float32 (n, side, side), and `values`, measure → (n,), of n images."""

    method: str
    subject: Subject
    small: np.ndarray
    values: dict[str, np.ndarray]
    seconds: float

    @property
    def key(self) -> tuple[str, str, str]:
        """Return method, data, model."""
        return self.method, self.subject.data, self.subject.model

    @property
    def patients(self) -> np.ndarray:
        """Return the patient of each image, (n,)."""
        return self.subject.table.patient_id.to_numpy(str)


Groups = dict[tuple[str, str, str], list[Part]]  # (method, data, model) -> its seeds
Pairs = list[tuple[Part, Part]]


def rows(parts: Sequence[Part], plan: Plan) -> pd.DataFrame:
    """Return the table: `COLUMNS` of `map_measures`, one row a method, model, data set and measure."""
    groups: Groups = {}
    for part in parts:
        if not part.subject.state:
            groups.setdefault(part.key, []).append(part)
    found = []
    for key, group in groups.items():
        found += _own(group) + _shortcut(group, groups.get((*key[:2], names.CLEAN), []))
        changed = [part for part in parts if part.subject.state and part.key == key]
        for what, pairs, measures in _compared(key, groups, changed, plan):
            found += _alike(pairs, what, measures)
    return pd.DataFrame(found)


def row(method: str, model: str, data: str, measure: str, values: np.ndarray, patients: np.ndarray | None = None) -> dict:
    """Return one row: the mean of `values` (n,) with its interval over patients (over images where these are not given)."""
    patients = np.arange(len(values)) if patients is None else patients
    found = bootstrap.mean_interval(np.asarray(values, float), patients)
    return {"method": method, "model": model, "data": data, "measure": measure, **found, "n": len(values)}


def facts(model: str, data: str, y_true: np.ndarray, scores: Sequence[np.ndarray]) -> list[dict]:
    """Return the rows on a model itself from the scores (n,) of each of its seeds: AUC, and the share of false alarms."""
    ids = np.arange(len(y_true)).astype(str)
    images = pd.DataFrame({"image_id": ids, "patient_id": ids, "y_true": y_true, "split": "test"})
    auc = metrics.evaluate_seeds([images.assign(y_score=part) for part in scores], 0.5).loc["roc_auc"]
    first = {"method": names.MODEL, "model": model, "data": data, "measure": names.AUC, "n": len(y_true)}
    alarms = np.mean([part[y_true == 0] >= 0.5 for part in scores], axis=0)
    return [first | dict(auc[["value", "ci_low", "ci_high"]]), row(names.MODEL, model, data, names.ALARMS, alarms)]


def _own(group: list[Part]) -> list[dict]:
    """Return the rows of the measures of a method's own maps: means over the seeds that have them, of the images all have."""
    thresholds = [names.iou(limit) for limit in localisation.THRESHOLDS]
    measures = {}
    for name in group[0].values:
        values = [part.values[name] for part in group if name in part.values]
        measures[name] = np.mean([each[: min(map(len, values))] for each in values], axis=0)
    shown = [name for name in measures if name not in thresholds or name == names.iou(localisation.FIXED)]
    made = [_row(group[0], name, measures[name]) for name in shown]
    overlaps = [measures[name] for name in thresholds if name in measures]
    return made + ([_row(group[0], names.IOU_BEST, max(overlaps, key=np.mean))] if overlaps else [])


def _shortcut(group: list[Part], clean: list[Part]) -> list[dict]:
    """Return the AUC with which a method's energy in the marker tells networks that use it from those that do not."""
    first, measure = group[0], names.energy(names.MARKER)
    pairs = [(part, other) for part in group for other in clean if part.subject.seed == other.subject.seed]
    if first.key[1:] != (names.MARKED, names.HABIT) or not pairs:
        return []
    with_clue, without = (np.concatenate([part.values[measure] for part in one]) for one in zip(*pairs, strict=True))
    found = localisation.separation(with_clue, without, np.concatenate([part.patients for part, _ in pairs]))
    about = {"method": first.method, "model": names.AGAINST, "data": names.MARKED, "measure": names.SEPARATION}
    return [about | {**found, "n": len(first.patients)}]


def _compared(key: tuple, groups: Groups, changed: list[Part], plan: Plan) -> Iterator[tuple[str, Pairs, Sequence[str]]]:
    """Yield what a method's maps are compared with: what differs, the pairs of parts, the measures of similarity."""
    (method, data, model), group, both = key, groups[key], list(map_similarity.MEASURES)
    yield names.SEEDS, list(itertools.combinations(group, 2)), both
    for part in changed:
        yield part.subject.state, [(one, part) for one in group if one.subject.seed == part.subject.seed], both
    if data != names.TEST:
        return
    studied = plan.experiments[0]
    others = {names.DEALT: names.SHUFFLED} if model == names.LABELS else {}
    if model == studied:
        others = {f"with {other}": other for other in plan.experiments[1:]}
    for what, other in others.items():
        yield what, [(group[0], part) for part in groups.get((method, data, other), [])[:1]], both
    if model in (studied, names.LABELS):
        for (other, *rest), theirs in groups.items():
            if rest == [data, model] and other != method:
                yield f"with {other}", [(group[0], theirs[0])], [names.RANK]


def _alike(pairs: Pairs, what: str, measures: Sequence[str]) -> list[dict]:
    """Return one row a measure of similarity: its mean over the pairs of parts, of the images that all of them have."""
    n = min((len(part.small) for pair in pairs for part in pair), default=0)
    made = []
    for name in measures if pairs else ():
        compare = map_similarity.MEASURES[name]
        values = np.mean([compare(ours.small[:n], theirs.small[:n]) for ours, theirs in pairs], axis=0)
        made.append(_row(pairs[0][0], names.alike(name, what), values))
    return made


def _row(part: Part, measure: str, values: np.ndarray) -> dict:
    return row(part.method, part.subject.model, part.subject.data, measure, values, part.patients[: len(values)])
