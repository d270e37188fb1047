"""From the stored parts of a measurement to one row a method, model, data set and measure, with its interval."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import bootstrap
from cxr_helpers.extras.saliency import map_measures as names
from cxr_helpers.extras.saliency.map_subjects import Plan, Subject
from cxr_helpers.extras.statistics import map_similarity


@dataclasses.dataclass(frozen=True)
class Part:
    """What one method made of one subject: `small` maps, float32 (n, side, side), and `values`, measure → (n,), of n images."""

    method: str
    subject: Subject
    small: np.ndarray
    values: dict[str, np.ndarray]

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
        found += _own(group)
        changed = [part for part in parts if part.subject.state and part.key == key]
        for what, pairs, measures in _compared(key, groups, changed, plan):
            found += _alike(pairs, what, measures)
    return pd.DataFrame(found)


def _own(group: list[Part]) -> list[dict]:
    """Return the rows of the measures of a method's own maps: means over the seeds that have them, of the images all have."""
    made = []
    for name in group[0].values:
        values = [part.values[name] for part in group if name in part.values]
        made.append(_row(group[0], name, np.mean([each[: min(map(len, values))] for each in values], axis=0)))
    return made


def _compared(key: tuple, groups: Groups, changed: list[Part], plan: Plan) -> Iterator[tuple[str, Pairs, Sequence[str]]]:
    """Yield what a method's maps are compared with: what differs, the pairs of parts, the measures of similarity."""
    (method, data, model), group, both = key, groups[key], list(map_similarity.MEASURES)
    yield names.SEEDS, list(itertools.combinations(group, 2)), both
    for part in changed:
        yield part.subject.state, [(one, part) for one in group if one.subject.seed == part.subject.seed], both
    studied, *others = plan.experiments
    if (data, model) != (names.TEST, studied):
        return
    for other in others:
        yield f"with {other}", [(group[0], part) for part in groups.get((method, data, other), [])[:1]], both
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
    """Return one row: the mean of `values`, those of the part's first images, with its interval over patients."""
    found = bootstrap.mean_interval(np.asarray(values, float), part.patients[: len(values)])
    about = dict(zip(("method", "data", "model"), part.key, strict=True))
    return about | {"measure": measure, **found, "n": len(values)}
