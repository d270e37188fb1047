"""Own images, in a folder of classes or a table of paths and labels: scored by a published model, or made a set to train on.

Of a DICOM file only the pixels are used. What is written is named by numbers: of file names and patients nothing is kept.
"""

import hashlib
import re
import shutil
import sys
from pathlib import Path

import cv2
import pandas as pd

from cxr_helpers.base import files
from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import printable, say
from cxr_helpers.data import image_files, manifest
from cxr_helpers.data.dataset import LABELS
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.inference.predict import Predictor
from cxr_helpers.extras.inference.writable import check_file, check_folder
from cxr_helpers.extras.other_sets import class_folders, image_sets, label_tables
from cxr_helpers.extras.statistics import mixture

CLASSES = {name.lower(): y_true for name, y_true in LABELS.items()}
_WRITTEN = CLASSES | {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
_COLUMNS = {
    "path": ("path", "image", "file", "filename", "image_path"),
    "label": ("label", "class"),
    "patient_id": ("patient_id", "patient"),
}
_SHOWN = 20  # problems or warnings that are listed; more are counted


def read(source: Path) -> pd.DataFrame:
    """Return the images of a folder or table, in its order: image_id, patient_id, path, split ("" if none) and y_true.

    An image of which no patient is known is one of its own: its patient_id is its image_id.

    Args:
        source: a folder with NORMAL/ and PNEUMONIA/ (perhaps within train/, val/ and test/), where names as those of the set of
            Kermany et al. tell the patient; or a CSV file with the columns path (as it is, or below the table's folder), label
            (NORMAL or 0, PNEUMONIA or 1) and, where several images may show one patient, patient_id (or others of `_COLUMNS`).

    Raises:
        CxrError: a folder or column is missing, a label is unknown, a class has no image, or one file has two labels; all that
            is wrong with lines and labels is said at once.
    """
    images, problems = _found(source)
    _refuse(source, problems)
    return images


def _found(source: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the images of `read`, and what is wrong with lines and labels."""
    if source.is_dir():
        images, problems = class_folders.read(source, CLASSES), []
        images = images.assign(patient_id=[manifest.patient_key(Path(path).name)[0] for path in images.path])
    else:
        images, problems = _of_table(source)
    images = images.assign(patient_id=images.patient_id.where(images.patient_id != "", images.image_id))
    if alone := int((images.patient_id == images.image_id).sum()):
        say(f"no patient is named for {alone:,} of {len(images):,} images: each counts as a patient of its own")
    if not problems and images.y_true.nunique() < len(LABELS):
        problems = [f"there are images of one class only; it needs images of {' and '.join(LABELS)}"]
    return images, problems + _contrary(images)


def _contrary(images: pd.DataFrame) -> list[str]:
    """Return, for each file that lies in several places with contrary labels, a sentence that names two of them."""
    digests = images.assign(digest=[_digest(Path(path)) for path in images.path]).query("digest != ''")
    groups = [group for _, group in digests.groupby("digest", sort=False) if group.y_true.nunique() > 1]
    names = [group.groupby("y_true").image_id.first() for group in groups]
    return [f"{printable(normal)} (NORMAL) is {printable(ill)} (PNEUMONIA), byte for byte: mend a label" for normal, ill in names]


def _digest(path: Path) -> str:
    try:
        with open(path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except (OSError, ValueError):  # it is reported when it is read
        return ""


def _listed(sentence: str, lines: list[str]) -> str:
    """Return a sentence and the first of the lines that belong to it, one below the other."""
    more = [f"and {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else []
    return "\n     ".join([f"{sentence}:", *lines[:_SHOWN], *more])


def _refuse(source: Path, problems: list[str]) -> None:
    if problems:
        count = f"{len(problems):,} problem{'s' if len(problems) > 1 else ''}"
        raise CxrError(_listed(f"{printable(source)} has {count}, and nothing is done", problems))


def _of_table(source: Path) -> tuple[pd.DataFrame, list[str]]:
    header = label_tables.header(source)
    known = {name: next((each for each in header if each.lower() in words), name) for name, words in _COLUMNS.items()}
    grouped = known["patient_id"] in header
    columns = [known["path"], known["label"], *([known["patient_id"]] if grouped else [])]
    table, problems = label_tables.whole_lines(source, columns)
    table = table.set_axis(["path", "label", *(["patient_id"] if grouped else [])], axis=1)
    wrong = table.label[~table.label.str.lower().isin(list(_WRITTEN))]
    fault = f"column {known['label']}: write NORMAL or 0, PNEUMONIA or 1, not"
    problems += [f"line {line}, {fault} {printable(word) or 'nothing'}" for line, word in wrong.items()]
    table = table.drop(wrong.index)
    # A spreadsheet writes 12 as 12.0 where a column has gaps: it is the same patient.
    patients = [re.sub(r"^(\d+)\.0$", r"\1", patient) for patient in table.patient_id] if grouped else ""
    if grouped and (pointed := sum(map(str.__ne__, patients, table.patient_id))):
        say(f"{pointed:,} patients are written as 12.0: they are taken for 12")
    paths = [str(source.parent / name) for name in table.path]
    y_true = [_WRITTEN[word.lower()] for word in table.label]
    images = {"image_id": table.path, "patient_id": patients, "path": paths, "split": "", "y_true": y_true}
    return pd.DataFrame(images).reset_index(drop=True), problems


def score(
    source: Path, model_dir: Path | None = None, out: Path | None = None, overwrite: bool = False
) -> tuple[pd.DataFrame, float, list[str], list[str]]:
    """Return own images' scores by a published model, its operating point, and sentences on refused files and on warnings.

    The scores are as `metrics.evaluate` takes them; `model_dir` is as for `predict.Predictor`; `out` is where they will lie.

    Raises:
        CxrError: as in `read`; `out` is there already (without `overwrite`), one of the images, or cannot be made; the model is
            missing; or what can be read is of one class.
    """
    images = read(source)
    if out:
        check_file(out, overwrite, [source, *map(Path, images.path)])
    predictor = Predictor(model_dir)
    answers = list(predictor.predictions(map(Path, images.path)))
    problems = [answer.problem for answer in answers if answer.problem]
    names = images[["image_id", "patient_id"]].map(printable)  # as they are shown
    scores = images.drop(columns="path").assign(**names, split="test", y_score=[answer.probability for answer in answers])
    scores = scores[[not answer.problem for answer in answers]].reset_index(drop=True)
    if scores.y_true.nunique() < len(LABELS):
        raise CxrError(_listed(f"{printable(source)}: the images that can be read are of one class, or none can", problems))
    return scores, predictor.card.threshold, problems, [answer.warning for answer in answers if answer.warning]


def warn(warnings: list[str], images: int) -> None:
    """Print what the answers for so many images are warned of, as `cxr predict` does, and at the end how many are."""
    if warnings:
        count = f"{len(warnings):,} of {images:,} images look like no frontal chest radiograph: their scores may mean nothing"
        print(f"cxr: warning: {_listed('of each', warnings)}\ncxr: warning: {count}", file=sys.stderr)


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
    return found.to_string(float_format="%.3f", na_rep="none")


def store(source: Path, folder: Path) -> pd.DataFrame:
    """Write own images as a set that CXR_DATA_DIR may name and return how many of each part and class it has.

    Parts that the source has stay; else a fifth of the patients becomes test, and validation is drawn when an experiment is
    trained. An image becomes an 8-bit grey PNG, IM-<patient>-<image>, numbers both, which keeps a patient's images together.

    Raises:
        CxrError: as in `read`, a file is no usable image, or there are too few patients: all of it at once; or `folder` cannot be
            one or holds something. Nothing is written then.
    """
    check_folder(folder)
    if folder.exists() and any(folder.iterdir()):
        raise CxrError(f"{folder} is not empty; name a new folder.")
    if not folder.name:  # it is replaced when all is written, and a shell would stay in the old one
        raise CxrError(f"{folder} is the working folder; name a new one in it, as my_set.")
    images, problems = _found(source)
    split = images.split
    try:
        if not problems:  # lines that are left out would be missing
            split, _ = image_sets.divide(images, images.y_true)
    except CxrError as error:
        problems.append(str(error))
    patient, number = images.groupby("patient_id", sort=False).ngroup() + 1, images.groupby("patient_id").cumcount() + 1
    names = dict(zip(LABELS.values(), LABELS, strict=True))
    parts = split if "val" in set(images.split) else split.replace("val", "train")
    files.sweep(folder)
    draft = files.draft_of(folder)
    try:
        for row, part, who, which in zip(images.itertuples(), parts, patient, number, strict=True):
            try:
                pixels = image_files.read(row.path).pixels
            except image_files.Refused as refusal:
                problems.append(f"{printable(row.image_id)}: {refusal.reason}")
                continue
            target = draft / part / names[row.y_true] / f"IM-{who:05d}-{which:04d}.png"
            atomic_write(target, cv2.imencode(".png", pixels)[1].tobytes())
        _refuse(source, problems)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return pd.crosstab(parts.rename("part"), images.y_true.map(names).rename("class"))
