"""What people drew on radiographs: boxes and pixel masks of lesions, outlines of lungs; what a map is held against.

Every set is read from the folder that CXR_SETS_DIR names and brought to one size: images to `COMMON_SIZE`, masks to `SIDE`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cxr_helpers.base import lazy
from cxr_helpers.data import image_files, packing, splits
from cxr_helpers.data import manifest as manifests
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import masked_images

lungs = lazy.module("cxr_helpers.extras.inference.lungs")

NIH, LESIONS, GUANGZHOU, RSNA = "nih_boxes", "lesion_masks", "guangzhou_lungs", "rsna_boxes"
SIDE = 112  # pixels on which maps and masks meet
KEPT = ("Lung Opacity", "Pneumonia")  # the labels of NIH boxes that show pneumonia
LUNG, LESION = 1, 2 | 4  # bits of lesion_masks/: lung; ground glass or consolidation
INSIDE = 0.7  # share of an RSNA box that must lie in the automatic lung mask
BLACK = 8  # grey values up to this one are the masked-out part of an RSNA image, JPEG noise included
ROOM = 0.002  # by which a box may leave its image: its fractions are rounded


@dataclasses.dataclass(frozen=True)
class Truth:
    """A set of n images with what was drawn on them.

    `table`: image_id, patient_id, y_true, license ("": show none). `images`: uint8 (n, 224, 224). `masks`: bool (n, SIDE, SIDE),
    what is to be found. `lungs`: bool, the same shape, or None where the lungs are what is to be found. `known`: bool, the
    pixels that count. `left_out`: one sentence on what was not taken.
    """

    name: str
    table: pd.DataFrame
    images: np.ndarray
    masks: np.ndarray
    lungs: np.ndarray | None
    known: np.ndarray
    left_out: str = ""

    def at(self, places: np.ndarray) -> "Truth":
        """Return the set with the images at `places` only."""
        cut = None if self.lungs is None else self.lungs[places]
        parts = (self.images[places], self.masks[places], cut, self.known[places])
        return Truth(self.name, self.table.iloc[places].reset_index(drop=True), *parts, self.left_out)


def load(name: str, count: int, profile: str = "full") -> Truth:
    """Return `count` images of a set, drawn with a seed, or all that it has; see `READERS` for its names.

    Raises:
        CxrError: CXR_SETS_DIR does not hold the set; a box lies outside its image, a mask has another size than its image.
    """
    return READERS[name](count, profile)


def nih_boxes(count: int, profile: str) -> Truth:
    """Return NIH radiographs with the boxes of radiologists around opacities; the lungs are those of the committed segmenter."""
    root = masked_images.folder() / "nih"
    boxes = _boxes(root / "boxes.csv", "image")
    kept = boxes[boxes.label.isin(KEPT)]
    rows = masked_images.read_table(root / "metadata.csv", "file", "image", "patient")
    rows = _drawn(rows[rows.image.isin(kept.image)].assign(license="NIH Clinical Center"), count)
    images = _images(root, rows.file)
    masks = np.stack([painted(kept[kept.image == name]) for name in rows.image])
    said = f"{len(boxes) - len(kept)} of {len(boxes)} boxes show other findings."
    return _truth(NIH, rows, images, masks, _small(lungs.found(images)[0]), said)


def lesion_masks(count: int, profile: str) -> Truth:
    """Return adult radiographs with ground glass and consolidation drawn to the pixel, and with their lungs."""
    root = masked_images.folder() / "lesion_masks"
    rows = masked_images.read_table(root / "metadata.csv", "file", "mask", "patient", "license")
    images = [image_files.read(root / file).pixels for file in rows.file]
    bits = [masked_images.read_mask(root / file, image.shape) for file, image in zip(rows["mask"], images, strict=True)]
    masks, inside = (_small([(each & wanted) > 0 for each in bits]) for wanted in (LESION, LUNG))
    ill = masks.any(axis=(1, 2))
    rows = _drawn(rows.assign(place=range(len(rows)))[ill], count)
    said = f"{(~ill).sum()} of {len(ill)} images have no lesion."
    images = np.stack([resize(images[place]) for place in rows.place])
    return _truth(LESIONS, rows, images, masks[rows.place], inside[rows.place], said)


def guangzhou_lungs(count: int, profile: str) -> Truth:
    """Return official test images, of either class as many, with the lungs drawn by hand; what was left open does not count."""
    root, table = masked_images.folder() / "lung_masks", manifests.load(profile)
    test = table[table.image_id.isin(splits.load(profile, "official").query("split == 'test'").image_id)]
    files = [root / Path(path).with_suffix(".png") for path in test.path]
    rows = test.assign(file=files, patient=test.patient_id, license="CC BY")
    rows = rows[[file.is_file() for file in rows.file]]
    rows = pd.concat([_drawn(part, count // 2) for _, part in rows.groupby("y_true")], ignore_index=True)
    images = packing.images(profile, rows.image_id)
    masks = np.stack([masked_images.hand_drawn(file, images.shape[1:]) for file in rows.file])
    known = _small(masks != masked_images.UNKNOWN)
    return _truth(GUANGZHOU, rows, images, _small(masks == 1), None, "Test images without a mask are left out.", known)


def rsna_boxes(count: int, profile: str, without: frozenset[str] = frozenset()) -> Truth:
    """Return RSNA images, black outside an automatic lung mask, with the boxes that lie in it with `INSIDE` of their area.

    Patients `without` are left out: those of a set that something learnt here is tried on.
    """
    root = masked_images.folder() / "rsna_lungs"
    boxes = _boxes(root / "boxes.csv", "rsna")
    rows = masked_images.read_table(root / "metadata.csv", "file", "rsna", "patient")
    rows = _drawn(rows[rows.rsna.isin(boxes.rsna) & ~rows.patient.isin(without)], 2 * count).assign(license="")
    images = _images(root, rows.file)
    seen = images > BLACK
    kept = boxes[[name in set(rows.rsna) for name in boxes.rsna]]
    places = dict(zip(rows.rsna, range(len(rows)), strict=True))
    inside = kept[[share_inside(box, seen[places[box.rsna]]) >= INSIDE for box in kept.itertuples()]]
    have = np.flatnonzero(rows.rsna.isin(inside.rsna))[:count]
    masks = np.stack([painted(inside[inside.rsna == rows.rsna[place]]) for place in have])
    said = f"{len(kept) - len(inside)} of {len(kept)} boxes have less than {INSIDE:.0%} of their area in the automatic lung mask."
    return _truth(RSNA, rows.iloc[have].reset_index(drop=True), images[have], masks, _small(seen[have]), said)


READERS: dict[str, Callable[[int, str], Truth]] = {
    NIH: nih_boxes,
    LESIONS: lesion_masks,
    GUANGZHOU: guangzhou_lungs,
    RSNA: rsna_boxes,
}


def painted(boxes: pd.DataFrame, side: int = SIDE) -> np.ndarray:
    """Return the union of boxes (x, y, width, height, fractions of the image) as bool (side, side); each has a pixel at least."""
    mask = np.zeros((side, side), bool)
    for box in boxes.itertuples():
        mask[_span(box.y, box.height, side), _span(box.x, box.width, side)] = True
    return mask


def share_inside(box, mask: np.ndarray) -> float:
    """Return the share of a box (x, y, width, height) that lies in a mask (H, W)."""
    return float(mask[_span(box.y, box.height, mask.shape[0]), _span(box.x, box.width, mask.shape[1])].mean())


def _span(start: float, length: float, side: int) -> slice:
    first = min(side - 1, max(0, round(start * side)))
    return slice(first, max(first + 1, min(side, round((start + length) * side))))


def _boxes(file: Path, key: str) -> pd.DataFrame:
    """Return a table of boxes with numbers; one that is no box, or lies outside its image, is a CxrError."""
    places = ["x", "y", "width", "height"]
    table = masked_images.read_table(file, key, *places)
    table[places] = table[places].apply(pd.to_numeric, errors="coerce")
    first, sizes = (table[names].to_numpy() for names in (places[:2], places[2:]))
    good = (first >= -ROOM).all(axis=1) & (sizes > 0).all(axis=1) & (first + sizes <= 1 + ROOM).all(axis=1)
    if not good.all():
        line = int(np.flatnonzero(~good)[0]) + 2
        raise CxrError(f"{file}, line {line}: the box lies outside its image; give its place and size as fractions of the sides.")
    return table


def _drawn(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return `count` rows (at most all), drawn with a seed that looks at no score."""
    return rows.sample(min(count, len(rows)), random_state=0).reset_index(drop=True)


def _images(root: Path, files: pd.Series) -> np.ndarray:
    return np.stack([resize(image_files.read(root / file).pixels) for file in files])


def sized(images: Sequence[np.ndarray], side: int = SIDE) -> np.ndarray:
    """Return images, maps or masks (n, H, W) at side×side, float32, each pixel the mean of those that it covers."""
    return np.stack([cv2.resize(one.astype("float32"), (side, side), interpolation=cv2.INTER_AREA) for one in images])


def _small(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Return masks (n, H, W) at `SIDE`: a pixel belongs to the mask if half of its area does."""
    return sized(masks) >= 0.5


def _truth(name, rows, images, masks, lung, said, known=None) -> Truth:
    """Put a set together; an image whose mask vanishes at `SIDE` is left out."""
    if "image_id" not in rows:
        rows = rows.assign(image_id=[Path(file).stem for file in rows.file], y_true=1)
    rows = rows.assign(patient_id=rows.patient.astype(str))[["image_id", "patient_id", "y_true", "license"]]
    known = np.ones(masks.shape, bool) if known is None else known
    found = Truth(name, rows.reset_index(drop=True), images, masks & known, lung, known, said)
    return found.at(np.flatnonzero(found.masks.any(axis=(1, 2))))
