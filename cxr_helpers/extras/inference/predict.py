"""Predict images with the published model: class, probability, operating point, heat map, and a warning where it is no image."""

import dataclasses
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from cxr_helpers.base.files import atomic_write, check_folder
from cxr_helpers.data import image_files, preprocessing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import out_of_distribution, published_model

LONGEST_SIDE = 640  # pixels of an image in a heat map picture
_LONGEST_STEM = 150  # bytes of an image's name that its heat map takes over; a file's name has 255 at most, a hidden draft's too


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The answer for one file; `problem` says why there is none, and then the other fields are empty.

    `probability` is P(PNEUMONIA), `threshold` the operating point: `label` is PNEUMONIA iff probability >= threshold,
    else NORMAL. `heat_map` is the picture's path, `note` a remark on it. `warning` says why the file may be no frontal
    chest radiograph, so that the answer means nothing.
    """

    path: Path
    label: str = ""
    probability: float = float("nan")
    threshold: float = float("nan")
    heat_map: Path | None = None
    note: str = ""
    warning: str = ""
    problem: str = ""


def predict(
    files: list[Path], model_dir: Path | None = None, out: Path | None = None, published: "Published | None" = None
) -> list[Prediction]:
    """Return one prediction per file, in order; a file that is no usable image has its reason in `problem`.

    `model_dir` holds default.keras, default.json and frontal.json; None takes the committed ones. `published` stands in for
    it where the model was loaded before. With a folder `out`, a
    image gets `<stem>_heatmap.png` there: the image beside its Grad-CAM map for the predicted class, bare at 0, yellow at 1.
    A missing or altered model, or a folder that cannot be written, is a CxrError.
    """
    if out is not None:
        check_folder(Path(out))
    answers, images = {}, {}
    for position, path in enumerate(map(Path, files)):
        try:
            images[position] = image_files.read(path).pixels
        except CxrError as error:
            answers[position] = Prediction(path, problem=str(error))
    if images:
        names = {position: Path(files[position]) for position in images}
        found = _answers(names.values(), list(images.values()), published or load(model_dir), out)
        answers |= dict(zip(images, found, strict=True))
    return [answers[position] for position in range(len(files))]


def table(answers: list[Prediction]) -> pd.DataFrame:
    """Return one row per image that has an answer: file, class, probability, operating point, heat map, warning."""
    rows = [
        {
            "file": answer.path,
            "class": answer.label,
            "probability": answer.probability,
            "operating point": answer.threshold,
            "heat map": answer.note or answer.heat_map,
            "warning": "yes" if answer.warning else "no",
        }
        for answer in answers
        if not answer.problem
    ]
    return pd.DataFrame(rows)


class Published(NamedTuple):
    """A published model: the network, its card, and the rules by which an image is no frontal chest radiograph."""

    model: object
    card: published_model.Card
    rules: out_of_distribution.Rules


def load(model_dir: Path | None = None) -> Published:
    """Return the published model of a folder, None taking the committed one; errors as `predict`."""
    rules = published_model.folder() if model_dir is None else Path(model_dir)
    return Published(*published_model.load(model_dir), out_of_distribution.load(rules))


def _answers(names: Collection[Path], images: list[np.ndarray], published: Published, out: Path | None) -> list[Prediction]:
    """Return the predictions of readable images (H, W) uint8, each of its own size."""
    from cxr_helpers.explain import gradcam, methods, targets

    model, card, rules = published
    prepare = preprocessing.VARIANTS[card.variant]
    small = np.stack([prepare(preprocessing.resize(image, card.size)) for image in images])
    scores = model.predict(targets.batch(model, small), batch_size=32, verbose=0)[:, -1].astype(float)
    found = [
        Prediction(name, "PNEUMONIA" if p >= card.threshold else "NORMAL", float(p), card.threshold)
        for name, p in zip(names, scores, strict=True)
    ]
    said = warnings(names, np.stack([out_of_distribution.thumbnail(image) for image in images]), map(out_of_distribution.coloured, names), rules)
    found = [dataclasses.replace(each, warning=words) for each, words in zip(found, said, strict=True)]
    if out is None:
        return found
    maps = gradcam.gradcam(model, small, targets.predicted(scores, card.threshold))
    notes = np.where(methods.is_blank(maps), gradcam.BLANK, "")
    pictures = _write(Path(out), found, images, maps)
    return [
        dataclasses.replace(answer, heat_map=picture, note=str(note))
        for answer, picture, note in zip(found, pictures, notes, strict=True)
    ]


def warnings(paths: Iterable[Path], thumbnails: np.ndarray, colours: Iterable[bool], rules: out_of_distribution.Rules) -> list[str]:
    """Return why the answer for each image may mean nothing, or "" where it is a frontal chest radiograph.

    `thumbnails` (N, SIDE, SIDE) uint8 are the images' `frontal.thumbnail`; `colours` tells which files are `frontal.coloured`.
    """
    found = zip(paths, colours, out_of_distribution.warnings(thumbnails, rules), strict=True)
    words = ((path, out_of_distribution.COLOURED if coloured else departs) for path, coloured, departs in found)
    return [departs and f"{path} {departs}: its answer may mean nothing" for path, departs in words]


def _write(out: Path, found: list[Prediction], images: list[np.ndarray], maps: np.ndarray) -> list[Path]:
    """Write one picture an image and return their paths; a second image of the same stem gets a number."""
    written: list[Path] = []
    for answer, image, heat_map in zip(found, images, maps, strict=True):
        path = _free(out, answer.path, written)
        try:
            atomic_write(path, picture(image, heat_map))
        except OSError as error:
            raise CxrError(f"{path} cannot be written ({error.strerror}); give another folder.") from error
        written.append(path)
    return written


def _free(out: Path, image: Path, taken: list[Path]) -> Path:
    path, number = out / map_name(image), 1
    while path in taken:
        number += 1
        path = out / map_name(image, number)
    return path


def map_name(image: Path, number: int | None = None) -> str:
    """Return the name of an image's heat map, `<stem>[_<number>]_heatmap.png`; of a long stem only the beginning."""
    stem = os.fsencode(image.stem)[:_LONGEST_STEM].decode("utf-8", "ignore")
    return f"{stem}_heatmap.png" if number is None else f"{stem}_{number}_heatmap.png"


def picture(image: np.ndarray, heat_map: np.ndarray) -> bytes:
    """Return the image beside itself under the map (in [0, 1], of any size) as the bytes of a PNG file."""
    from cxr_helpers.explain import overlay

    scale = min(1.0, LONGEST_SIDE / max(image.shape))
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    large = np.clip(cv2.resize(heat_map, image.shape[::-1], interpolation=cv2.INTER_LINEAR), 0, 1)
    beside = overlay.beside(image, overlay.heat(image, large))
    return cv2.imencode(".png", beside[..., ::-1])[1].tobytes()
