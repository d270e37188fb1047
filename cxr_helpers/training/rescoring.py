"""Scores of images that training never saw, made with the saved models of runs and added to their records.

external.csv: image_id, patient_id, view, finding, y_true, y_score of the adult images. perturbed.csv.gz: image_id,
corruption, severity (0: as it is), y_score of the official test images. Nothing may be chosen on either.
perturbed_val.csv.gz: the same of the validation images, each corruption at one severity; configurations are chosen on it.

What scores is a function of images (n, SIDE, SIDE) uint8 to P(PNEUMONIA) (n,), so that several models count as one.
"""

import gzip
import io
import itertools
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from cxr_helpers.base import lazy
from cxr_helpers.base.progress import say
from cxr_helpers.data import adult_images, corruptions, packing
from cxr_helpers.data.preprocessing import VARIANTS, resize
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import calibration
from cxr_helpers.records import Record
from cxr_helpers.training import members, saved

batches = lazy.module("cxr_helpers.data.batches")

EXTERNAL, PERTURBED, VALIDATION = "external.csv", "perturbed.csv.gz", "perturbed_val.csv.gz"
VALIDATION_SEVERITY = 2
_COLUMNS = {
    EXTERNAL: ["image_id", "patient_id", "view", "finding", "y_true", "y_score"],
    **dict.fromkeys((PERTURBED, VALIDATION), ["image_id", "perturbation", "severity", "y_score"]),
}
_SPLITS = {PERTURBED: "test", VALIDATION: "val"}
_DIGITS = "%.7g"  # as in the records: sure scores lie so near 1 that four digits would tie them and change the AUC
Scorer = Callable[[np.ndarray], np.ndarray]
_BATCH = 64  # images that are held corrupted at a time


class Input(Protocol):
    """What says which images a network takes: a `Config`, or the card of a published model."""

    size: int
    variant: str


def rescore(run: Record, profile: str, score: Scorer | None = None) -> None:
    """Score the adult images (where CXR_EXTERNAL_DIR names them) and the corrupted images, unless they are stored.

    `score` stands in for the run's own model. A run that joins others stores nothing: theirs are stored.
    Each file is written whole or not at all, so that a stopped call goes on with the next one.

    Raises:
        CxrError: a model of the run is not on this machine, or scores otherwise than the record says.
    """
    wanted = [EXTERNAL] * (adult_images.folder() is not None) + [PERTURBED, VALIDATION]
    for part in members.networks(run, profile):
        _store(part, profile, wanted, score)


def _store(run: Record, profile: str, wanted: Sequence[str], score: Scorer | None = None) -> None:
    """Make those of the wanted files that are missing."""
    missing = [name for name in wanted if not run.has(name)]
    if missing:
        score = score or scorer(run, profile)
    for name in missing:
        say(f"rescore {run.run_id}: {name}")
        table = _external(score, adult_images.folder()) if name == EXTERNAL else perturbed(score, run, profile, name)
        run.add(name, encoded(table, name))


def encoded(table: pd.DataFrame, name: str) -> bytes:
    """Return rescored images as the file `name` holds them; equal tables give equal bytes."""
    content = table.to_csv(index=False, float_format=_DIGITS).encode()
    return gzip.compress(content, mtime=0) if name.endswith(".gz") else content


def corrupted_validation(run: Record, profile: str) -> pd.DataFrame:
    """Return the scores of a run's corrupted validation images.

    Columns: image_id ("image/corruption"), patient_id, split, y_true, y_score.

    Raises:
        CxrError: as `of`.
    """
    (table,) = of([run], profile, VALIDATION)
    return of_validation(table, run)


def of_validation(table: pd.DataFrame, run: Record) -> pd.DataFrame:
    """Return scores as `perturbed` gives them of validation images in the columns of `corrupted_validation`."""
    images = table[table.severity > 0].merge(run.split("val").drop(columns="y_score"), on="image_id", validate="many_to_one")
    return images.assign(image_id=images.image_id + "/" + images.perturbation)


def scorer(run: Record, profile: str) -> Scorer:
    """Return what scores images as a run's saved model does.

    Raises:
        CxrError: the run is of a kind that keeps no network, or as `rescore`.
    """
    return of_model(saved.of_run(run, profile), run.config)


def of_model(model, config: Input) -> Scorer:
    """Return the scorer of a Keras model that takes images as `config` says: resized to its size, then its variant."""
    return of_function(model.predict_on_batch, config, model.input_shape[-1])


def of_function(run: Callable[[np.ndarray], np.ndarray], config: Input, channels: int = 3) -> Scorer:
    """Return the scorer of a function of images float32 (n, size, size, channels) in 0..255 to outputs (n, units)."""
    prepare = VARIANTS[config.variant]

    def score(images: np.ndarray) -> np.ndarray:
        small = np.stack([prepare(resize(image, config.size)) for image in images])
        return run(batches.repeated(small[..., None].astype("float32"), channels))[:, -1].astype(float)

    return score


def of(runs: Sequence[Record], profile: str, name: str) -> list[pd.DataFrame] | None:
    """Return the rescored images of runs, one table a run: the stored ones, or where there are none, new ones.

    `name` is `EXTERNAL`, `PERTURBED` or `VALIDATION`. None: the adult images are neither stored nor at hand.

    Raises:
        CxrError: a stored file cannot be read or is another run's, or as `rescore`.
    """
    tables = [_table(run, profile, name) for run in runs]
    return None if any(table is None for table in tables) else tables


def _table(run: Record, profile: str, name: str) -> pd.DataFrame | None:
    """Return the rescored images of a run; of one that joins others, what it makes of theirs."""
    if run.config.model not in members.JOINING:
        if name != EXTERNAL or adult_images.folder() is not None:
            _store(run, profile, [name])
        return _read(run, name) if run.has(name) else None
    tables = of(members.joined(run, profile), profile, name)
    if tables is None:
        return None
    keys = [column for column in tables[0] if column != "y_score"]
    aligned = [table.sort_values(keys, ignore_index=True) for table in tables]
    if any(not table[keys].equals(aligned[0][keys]) for table in aligned):
        raise CxrError(f"The runs that {run.run_id} joins hold {name} of different images; delete these files and `cxr rescore`.")
    score = np.mean([table.y_score for table in aligned], axis=0)
    return aligned[0].assign(y_score=calibration.at_temperature(score, run.info.get("temperature", 1.0)))


def _external(score: Scorer, folder: Path) -> pd.DataFrame:
    table = adult_images.images(folder)
    images = (corruptions.square(adult_images.image(folder, image)) for image in table.image)
    return table.assign(y_score=_batched(score, images))[_COLUMNS[EXTERNAL]]


def perturbed(score: Scorer, run: Record, profile: str, name: str) -> pd.DataFrame:
    """Return the scores of every image in the corruptions that the file `name` holds; severity 0 stands in each kind."""
    names = run.split(_SPLITS[name]).image_id
    images = packing.images(profile, names, corruptions.SIDE)
    plain, parts = _batched(score, images), []
    for kind, corruption in corruptions.CORRUPTIONS.items():
        severities = [VALIDATION_SEVERITY] if name == VALIDATION else range(1, 1 + len(corruption.levels))
        parts.append(pd.DataFrame({"image_id": names, "perturbation": kind, "severity": 0, "y_score": plain}))
        for severity in severities:
            pairs = zip(images, names, strict=True)
            corrupted = (corruptions.corrupted(image, kind, severity, image_id) for image, image_id in pairs)
            scores = _batched(score, corrupted)
            parts.append(parts[-1].assign(severity=severity, y_score=scores))
    return pd.concat(parts, ignore_index=True)[_COLUMNS[name]]


def _batched(score: Scorer, images: Iterable[np.ndarray]) -> np.ndarray:
    """Return the scores of images, of which no more than a batch is held at a time."""
    images, parts = iter(images), []
    while batch := list(itertools.islice(images, _BATCH)):
        parts.append(score(np.stack(batch)))
    return np.concatenate(parts)


def _read(run: Record, name: str) -> pd.DataFrame:
    command = f"delete it and run `cxr rescore` for the experiment of run {run.run_id}"
    content, path = run.content(name), run.folder / name
    try:
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        table = pd.read_csv(io.BytesIO(plain), dtype={"patient_id": str}, keep_default_na=False)[_COLUMNS[name]]
    except (OSError, ValueError, KeyError, EOFError, zlib.error) as error:
        raise CxrError(f"{path} cannot be read ({error}); {command}.") from error
    if name in _SPLITS and set(table.image_id) != set(run.split(_SPLITS[name]).image_id):
        raise CxrError(f"{path} holds other images than the run scored in split {_SPLITS[name]}; {command}.")
    return table
