"""Predict images with the published model: class, probability, operating point, heat map, and a warning where it is no image.

`cxr predict`, `cxr predict --table`, `cxr score` and `cxr explain` all go this one way: threads read, check and prepare the
files, the network answers batch by batch; memory does not grow with their number.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from cxr_helpers.base import environment, lazy
from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import printable
from cxr_helpers.data import image_files, preprocessing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import out_of_distribution, published_model
from cxr_helpers.extras.inference.writable import check_folder

gradcam = lazy.module("cxr_helpers.explain.gradcam")
overlay = lazy.module("cxr_helpers.explain.overlay")

BATCH = 32  # images that are read, then answered
LONGEST_SIDE = 640  # pixels of an image in a heat map picture
_LONGEST_STEM = 150  # bytes of an image's name that its heat map takes over; a file's name has 255 at most, a hidden draft's too


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The answer for one file; `problem` says why there is none, and then the other fields are empty.

    `probability` is P(PNEUMONIA), `threshold` the operating point: `label` is PNEUMONIA iff probability >= threshold,
    else NORMAL. `heat_map` is the picture's path, `note` a remark on it, `undrawn` why it cannot be written. `warning` says
    why the file may be no frontal chest radiograph, so that the answer means nothing, `shown` which of more than 8 bits are
    looked at.
    """

    path: Path
    label: str = ""
    probability: float = float("nan")
    threshold: float = float("nan")
    heat_map: Path | None = None
    note: str = ""
    warning: str = ""
    problem: str = ""
    shown: str = ""
    undrawn: str = ""


class _Image(NamedTuple):
    """What is known of a file without the network: why it is no image, or what it shows.

    `small`: as the network sees it; `thumbnail`: what is checked; `departs`: what is known already against a frontal chest
    radiograph; `pixels`: its own, where a map is wanted; `shown`: as that of `Prediction`.
    """

    path: Path
    problem: str = ""
    small: np.ndarray | None = None
    thumbnail: np.ndarray | None = None
    departs: str = ""
    pixels: np.ndarray | None = None
    shown: str = ""


def predict(files: Iterable[Path], model_dir: Path | None = None, out: Path | None = None) -> list[Prediction]:
    """Return one prediction per file, in order; `model_dir` and `out` as for `Predictor`."""
    return list(Predictor(model_dir, out).predictions(files))


def written(answers: Iterable[Prediction]) -> str:
    """Return a line per image that has an answer, under a heading, in columns; "" where none has."""
    rows = [("file", "class", "probability", "operating point", "heat map", "warning")]
    for answer in answers:
        if not answer.problem:
            drawn, warned = answer.note or printable(answer.heat_map), "yes" if answer.warning else "no"
            numbers = f"{answer.probability:.3f}", f"{answer.threshold:.3f}"
            rows.append((printable(answer.path), answer.label, *numbers, drawn, warned))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    return "\n".join(lines) if len(lines) > 1 else ""


class Predictor:
    """A published model with what is needed to answer for files.

    Args:
        model_dir: folder of default.onnx, default.json and frontal.json; None takes the committed ones.
        maps: folder in which each image gets `<stem>_heatmap.png`: the image beside its Grad-CAM map for the predicted
            class, bare at 0, yellow at 1. Where the map of another image, or by another model, is there already, the name
            has the first digits of the new one's SHA-256.

    Raises:
        CxrError: one of the files is missing, broken or altered, or `maps` cannot be a folder.
    """

    def __init__(self, model_dir: Path | None = None, maps: Path | None = None) -> None:
        self.maps = maps and Path(maps)
        if maps:
            check_folder(self.maps)
        folder = Path(model_dir or published_model.folder())
        (self.network, self.card), self.rules = published_model.load_portable(folder), out_of_distribution.load(folder)

    def predictions(self, files: Iterable[Path]) -> Iterator[Prediction]:
        """Yield one prediction per file, in order; what is no usable image has its reason in `problem`."""
        named = map(Path, files)
        with ThreadPoolExecutor(environment.cores()) as pool:
            try:
                while paths := list(itertools.islice(named, BATCH)):
                    yield from self._answers(list(pool.map(self._read, paths)))
            finally:
                pool.shutdown(cancel_futures=True)

    def _read(self, path: Path) -> _Image:
        try:
            read = image_files.read(path)
            small = preprocessing.prepared([read.pixels], self.card.size, self.card.variant)[0]
            departs = read.warning or (read.mode != "L" and out_of_distribution.coloured(path) and out_of_distribution.COLOURED)
            departs = departs or out_of_distribution.poor(read.pixels) or out_of_distribution.damaged(path, read.pixels)
            departs = departs or self._without_lungs(read.pixels, small)
            pixels = shrunk(read.pixels) if self.maps else None
            return _Image(path, "", small, out_of_distribution.thumbnail(read.pixels), departs, pixels, read.note)
        except CxrError as error:
            return _Image(path, str(error))
        except Exception as error:  # whatever a decoder makes of one file, the others are answered; its words may quote tags
            return _Image(path, f"{printable(path)} is refused: it cannot be decoded ({type(error).__name__}).")

    def _without_lungs(self, pixels: np.ndarray, small: np.ndarray) -> str:
        """Return the remark on an image of which a model for a region of the lungs sees everything, since they were not found."""
        region = self.card.variant not in preprocessing.VARIANTS
        whole = region and np.array_equal(small, preprocessing.prepared([pixels], self.card.size, "none")[0])
        return "shows no lungs that the segmenter trusts, so that the whole image was used" if whole else ""

    def _answers(self, batch: list[_Image]) -> list[Prediction]:
        usable = [image for image in batch if not image.problem]
        found = iter(self._of_images(usable) if usable else ())
        return [Prediction(image.path, problem=image.problem) if image.problem else next(found) for image in batch]

    def _of_images(self, images: list[_Image]) -> list[Prediction]:
        threshold, small = self.card.threshold, np.stack([image.small for image in images])
        scores, coarse = self.network(small)
        found = [
            Prediction(
                image.path, "PNEUMONIA" if p >= threshold else "NORMAL", float(p), threshold, warning=words, shown=image.shown
            )
            for image, p, words in zip(images, scores, self._warnings(images), strict=True)
        ]
        if not self.maps:
            return found
        signs = np.where(scores >= threshold, gradcam.PNEUMONIA, gradcam.NORMAL)
        heat_maps = gradcam.enlarged(signs[:, None, None] * coarse, small.shape[1:])
        notes = np.where(heat_maps.any(axis=(1, 2)), "", gradcam.BLANK)
        pictures = map(self._drawn, images, heat_maps)
        return [
            dataclasses.replace(answer, heat_map=drawn, note=str(note), undrawn=undrawn)
            for answer, (drawn, undrawn), note in zip(found, pictures, notes, strict=True)
        ]

    def _warnings(self, images: list[_Image]) -> list[str]:
        """Return why the answer for each image may mean nothing, or "" where it is a frontal chest radiograph."""
        found = out_of_distribution.warnings(np.stack([image.thumbnail for image in images]), self.rules)
        said = [image.departs or departs for image, departs in zip(images, found, strict=True)]
        return [
            words and f"{printable(image.path)} {words}: its answer may mean nothing"
            for image, words in zip(images, said, strict=True)
        ]

    def _drawn(self, image: _Image, heat_map: np.ndarray) -> tuple[Path, str]:
        """Write an image's picture, whose name begins as the image's; return its path, and why it cannot be written, or ""."""
        stem = printable(image.path.stem).encode()[:_LONGEST_STEM].decode("utf-8", "ignore")
        path, content = self.maps / f"{stem}_heatmap.png", picture(image.pixels, heat_map)
        try:
            if path.exists() and path.read_bytes() != content:
                path = self.maps / f"{stem}_{hashlib.sha256(content).hexdigest()[:12]}_heatmap.png"
            atomic_write(path, content)
        except OSError as error:
            return path, f"{printable(path)} cannot be written ({error.strerror}); give another folder."
        return path, ""


def shrunk(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W) uint8 no larger than a heat map's picture shows it."""
    scale = min(1.0, LONGEST_SIDE / max(image.shape))
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image


def picture(image: np.ndarray, heat_map: np.ndarray) -> bytes:
    """Return an image (H, W) uint8 beside itself under the map (in [0, 1], of any size) as the bytes of a PNG file."""
    large = np.clip(cv2.resize(heat_map, image.shape[::-1], interpolation=cv2.INTER_LINEAR), 0, 1)
    beside = cv2.hconcat([cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), overlay.heat(image, large)[..., ::-1]])
    return cv2.imencode(".png", beside)[1].tobytes()
