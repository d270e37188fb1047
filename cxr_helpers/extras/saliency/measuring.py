"""All methods measured on all subjects, resumably: a part (method × model × data × state) is stored as soon as it is made."""

import dataclasses
import hashlib
import io
import json
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import lazy
from cxr_helpers.base.files import atomic_write, read_arrays
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import targets
from cxr_helpers.extras.saliency import controls, every_method, map_checks, map_subjects, map_table
from cxr_helpers.extras.saliency import map_measures as names
from cxr_helpers.extras.saliency.map_subjects import Subject
from cxr_helpers.extras.statistics import faithfulness, localisation, map_similarity

measured_on = lazy.module("cxr_helpers.extras.makers.measured_on")


def measure(profile: str, afresh: bool = False) -> Path:
    """Make `explanation_measures.csv` (columns `COLUMNS`) and return its path; beside it a .json says how it was made.

    `map_checks.FILE` holds which method passes which check, for chapters that do not measure.

    Parts that are stored in the build folder are taken from there unless `afresh`, so that a stopped call goes on.
    """
    started = time.perf_counter()
    plan, left_out, parts = map_subjects.PLANS[profile], [], []
    for subject in map_subjects.every(profile):
        parts += of_subject(subject, profile, left_out, afresh)
    table = map_table.rows(parts, plan)
    about = {"profile": profile, "plan": dataclasses.asdict(plan), "left_out": left_out}
    about |= {"seconds": round(time.perf_counter() - started, 1)} | measured_on.about()
    path = names.path(profile)
    atomic_write(path.with_suffix(".json"), json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    atomic_write(path, table[names.COLUMNS].to_csv(index=False, float_format="%.6g"))
    checks = map_checks.verdicts(names.load(profile), plan.experiments[0])
    atomic_write(path.with_name(map_checks.FILE), checks.to_csv(index=False))
    return path


def load_or_measure(profile: str) -> pd.DataFrame:
    """Return the table; in the smoke profile, where it takes a minute, it is made if it is absent."""
    if profile == "smoke" and not names.path(profile).is_file():
        measure(profile)
    return names.load(profile)


def of_subject(subject: Subject, profile: str, left_out: list[str], afresh: bool = False) -> Iterator[map_table.Part]:
    """Yield the parts of a subject, one a method or control that its plan has images for; what is stored is read.

    Where a method refuses a model, or the model is not at hand, the sentence is added to `left_out` and the part is missing.
    """
    plan, model = map_subjects.PLANS[profile], []
    for method in [*(plan.methods or every_method.found()), *controls.TITLES]:
        count = plan.images[subject.part][method in map_subjects.SLOW]
        if not count:
            continue
        cut = subject.head(count)
        path = _path(cut, method, profile)
        if afresh or not path.is_file():
            name = f"{method}, {subject.model}, seed {subject.seed}, {subject.data}, {subject.state or 'as it is'}"
            say(f"maps: {name}")
            try:
                model = model or [subject.load()]
                _make(cut, method, model[0], path)
            except CxrError as error:
                left_out.append(f"{name}: {error}")
                say(left_out[-1])
                continue
        yield _read(path, cut, method)


def _make(subject: Subject, method: str, model, path: Path) -> None:
    """Store the small maps and the measures of each image."""
    if method in controls.TITLES:
        seed = zlib.crc32(f"{subject.data} {subject.model} {subject.seed} {subject.state}".encode())
        maps = controls.maps(method, subject.images, seed)
    else:
        maps = every_method.maps(method, model, subject.images, subject.target)
    strength = np.maximum(maps, 0)  # what speaks against the target counts as nothing
    values = {names.BLANK: (strength == 0).all(axis=(1, 2)).astype(float)}
    for what, masks in subject.masks.items():
        values |= _located(strength, masks, what)
    if subject.faithful:
        values |= _faithful(subject, strength, model)
    small = map_similarity.small(map_subjects.shifted(maps, -1) if subject.state == names.SHIFT else maps)
    content, arrays = io.BytesIO(), {"values": np.stack(list(values.values())), "measures": np.array(list(values))}
    np.savez_compressed(content, small=small.astype("float32"), **arrays)
    atomic_write(path, content.getvalue())


def _read(path: Path, subject: Subject, method: str) -> map_table.Part:
    stored = ("small", "values", "measures")
    small, values, titles = read_arrays(path, stored, "delete it and run `cxr measure-maps` again")
    return map_table.Part(method, subject, small, dict(zip(titles.tolist(), values, strict=True)))


def _path(subject: Subject, method: str, profile: str) -> Path:
    """Return where a part is stored; the name changes with the images and with the model's identity."""
    asked = (subject.identity, subject.state, *subject.table.image_id, *subject.masks, str(subject.faithful))
    key = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:12]
    folder = f"{subject.data}, {subject.model}, seed {subject.seed}".replace(" ", "_").replace(",", "")
    return paths.build(profile) / "explanation_measures" / folder / f"{method}-{key}.npz"


def _located(strength: np.ndarray, masks: np.ndarray, what: str) -> dict[str, np.ndarray]:
    energy = localisation.energy_inside(strength, masks)
    values = {names.energy(what): energy, names.pointing(what): localisation.pointing_game(strength, masks)}
    if what == names.LUNGS:
        values[names.GAIN] = energy - localisation.energy_inside(localisation.mean_map(strength), masks)
    return values


def _faithful(subject: Subject, strength: np.ndarray, model) -> dict[str, np.ndarray]:
    def score(images: np.ndarray) -> np.ndarray:
        ill = _scores(model, images)
        return np.where(subject.target > 0, ill, 1 - ill)

    orders = faithfulness.order(strength)
    return {
        names.DELETION: faithfulness.area(faithfulness.deletion(score, subject.images, orders)),
        names.INSERTION: faithfulness.area(faithfulness.insertion(score, subject.images, orders)),
        names.ROAD: faithfulness.road(score, subject.images, orders),
    }


def _scores(model, images: np.ndarray) -> np.ndarray:
    """Return P(PNEUMONIA) (n,) of images (n, H, W) in 0..255."""
    starts = range(0, len(images), targets.BATCH)
    inputs = (np.clip(images[start : start + targets.BATCH], 0, 255) for start in starts)  # a blur may round beyond them
    return np.concatenate([model.predict_on_batch(targets.batch(model, part))[:, -1] for part in inputs])
