"""Own images, in a folder of classes or a table of paths and labels: scored by a published model, or made a set to train on.

Of a DICOM file only the pixels are used. What is written is named by numbers: of file names and patients nothing is kept.
"""

import os
import shutil
from pathlib import Path

import cv2
import pandas as pd

from cxr_helpers.base import files
from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import say
from cxr_helpers.data import image_files, manifest
from cxr_helpers.data.dataset import LABELS
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.inference.predict import Predictor
from cxr_helpers.extras.inference.writable import check_folder
from cxr_helpers.extras.other_sets import class_folders, image_sets, label_tables
from cxr_helpers.extras.statistics import mixture

CLASSES = {name.lower(): y_true for name, y_true in LABELS.items()}
_WRITTEN = CLASSES | {"0": 0, "1": 1}


def read(source: Path) -> pd.DataFrame:
    """Return the images of a folder or table, in its order: image_id, patient_id, path, split ("" if none) and y_true.

    An image of which no patient is known is one of its own: its patient_id is its image_id.

    Args:
        source: a folder with NORMAL/ and PNEUMONIA/ (perhaps within train/, val/ and test/), where names as those of the set of
            Kermany et al. tell the patient; or a CSV file with the columns path (as it is, or below the table's folder), label
            (NORMAL or 0, PNEUMONIA or 1) and, where several images may show one patient, patient_id.

    Raises:
        CxrError: a folder or column is missing, a label is unknown, a file is not there, or a class has no image.
    """
    if source.is_dir():
        images = class_folders.read(source, CLASSES)
        images = images.assign(patient_id=[manifest.patient_key(Path(path).name)[0] for path in images.path])
    else:
        images = _of_table(source)
    images = images.assign(patient_id=images.patient_id.where(images.patient_id != "", images.image_id))
    if alone := int((images.patient_id == images.image_id).sum()):
        say(f"no patient is named for {alone:,} of {len(images):,} images: each counts as a patient of its own")
    return images


def _of_table(source: Path) -> pd.DataFrame:
    grouped = "patient_id" in label_tables.header(source)
    table = label_tables.read(source, ["path", "label", *(["patient_id"] if grouped else [])])
    y_true = [_label(source, line, word) for line, word in table.label.items()]
    paths = [source.parent / name for name in table.path]
    for line, path in zip(table.index, paths, strict=True):
        if not os.path.isfile(path):  # pathlib's own raises for a name that is too long
            raise CxrError(f"{source}, line {line}: {path} is not there; paths count from the table's folder.")
    if len(set(y_true)) < len(LABELS):
        raise CxrError(f"{source} holds images of one class only; it needs images of {' and '.join(LABELS)}.")
    patients = table.patient_id if grouped else ""
    images = {"image_id": table.path, "patient_id": patients, "path": list(map(str, paths)), "split": "", "y_true": y_true}
    return pd.DataFrame(images).reset_index(drop=True)


def score(source: Path, model_dir: Path | None = None) -> tuple[pd.DataFrame, float, list[str]]:
    """Return the scores of own images by a published model, its operating point, and a sentence for every refused file.

    The scores are as `metrics.evaluate` takes them; `model_dir` is as for `predict.Predictor`.

    Raises:
        CxrError: as in `read`; the model is missing; or what can be read is of one class.
    """
    images = read(source)
    predictor = Predictor(model_dir)
    answers = list(predictor.predictions(map(Path, images.path)))
    if warned := sum(bool(answer.warning) for answer in answers):
        say(f"{warned:,} of {len(answers):,} images look like no frontal chest radiograph: their scores may mean nothing")
    problems = [answer.problem for answer in answers if answer.problem]
    scores = images.drop(columns="path").assign(split="test", y_score=[answer.probability for answer in answers])
    scores = scores[[not answer.problem for answer in answers]].reset_index(drop=True)
    if scores.y_true.nunique() < len(LABELS):
        raise CxrError("\n     ".join([f"{source}: the images that can be read are of one class, or none can.", *problems[:10]]))
    return scores, predictor.card.threshold, problems


def told(scores: pd.DataFrame, threshold: float, adapt: bool = False) -> str:
    """Return what `cxr score` prints of scores: every metric with its 95 % interval over patients.

    With `adapt` the same of scores that `mixture.adapt` makes of them stands below, or the reason why it makes none.
    """
    parts = [f"{len(scores):,} images, {int(scores.y_true.sum()):,} of PNEUMONIA; PNEUMONIA is called from {threshold:.3f} on"]
    parts.append(_figures(scores, threshold))
    if adapt:
        found = mixture.adapt(scores.y_score.to_numpy(), threshold)
        if found.refused:
            return "\n".join([*parts, f"Not adapted: {found.refused}."])
        parts.append(
            f"Adapted to these images, by the two groups that their scores fall into ({found.share:.0%} in the upper one), "
            "without their labels; PNEUMONIA is called from 0.500 on. No part of the model's own answer:"
        )
        parts.append(_figures(scores.assign(y_score=found.y_score), 0.5))
    return "\n".join(parts)


def _figures(scores: pd.DataFrame, threshold: float) -> str:
    found = metrics.evaluate(scores, threshold).loc[list(metrics.TITLES)].rename(index=metrics.TITLES)
    return found.to_string(float_format="%.3f")


def store(source: Path, folder: Path) -> pd.DataFrame:
    """Write own images as a set that CXR_DATA_DIR may name and return how many of each part and class it has.

    Parts that the source has stay; else a fifth of the patients becomes test, and validation is drawn when an experiment is
    trained. An image becomes an 8-bit grey PNG, IM-<patient>-<image>, numbers both, which keeps a patient's images together.

    Raises:
        CxrError: as in `read`; `folder` cannot be one or holds something, or a file is no usable image; nothing is written then.
    """
    check_folder(folder)
    if folder.exists() and any(folder.iterdir()):
        raise CxrError(f"{folder} is not empty; name a new folder.")
    if not folder.name:  # it is replaced when all is written, and a shell would stay in the old one
        raise CxrError(f"{folder} is the working folder; name a new one in it, as my_set.")
    images = read(source)
    split, _ = image_sets.divide(images, images.y_true)
    patient, number = images.groupby("patient_id", sort=False).ngroup() + 1, images.groupby("patient_id").cumcount() + 1
    names = dict(zip(LABELS.values(), LABELS, strict=True))
    parts = split if "val" in set(images.split) else split.replace("val", "train")
    files.sweep(folder)
    draft = files.draft_of(folder)
    try:
        for row, part, who, which in zip(images.itertuples(), parts, patient, number, strict=True):
            pixels = image_files.read(row.path).pixels
            target = draft / part / names[row.y_true] / f"IM-{who:05d}-{which:04d}.png"
            atomic_write(target, cv2.imencode(".png", pixels)[1].tobytes())
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return pd.crosstab(parts.rename("part"), images.y_true.map(names).rename("class"))


def _label(source: Path, line: int, word: str) -> int:
    if word.lower() not in _WRITTEN:
        raise CxrError(f"{source}, line {line}, column label: {word!r} is unknown; write NORMAL or 0, PNEUMONIA or 1.")
    return _WRITTEN[word.lower()]
