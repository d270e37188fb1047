"""Corruptions of images: functions of an image (H, W) uint8, a level and a random generator to a new such image.

Kinds and levels were written down before any image was scored with them. They are meant for images of `SIDE` × `SIDE` pixels,
so that a pixel means the same for every network.
"""

import zlib
from collections.abc import Callable

import cv2
import numpy as np

from cxr_helpers.config import one_of

SIDE = 224  # pixels of an image that is corrupted
_LARGEST_LETTER = 15  # pixels
_LETTER_CONTRAST = 50  # grey values above what surrounds it


def corrupted(image: np.ndarray, kind: str, image_id: str, level: float | None = None) -> np.ndarray:
    """Return an image (H, W) uint8 corrupted in one kind, by default at its level in `CORRUPTIONS`; an unknown one is a CxrError.

    The random part depends on the image's name and the kind only: the levels of an image are one corruption, grown.
    """
    apply, usual = CORRUPTIONS[one_of("corruption", kind, CORRUPTIONS)]
    rng = np.random.default_rng(zlib.crc32(f"{image_id} {kind}".encode()))
    return apply(image, usual if level is None else level, rng)


def noise(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of standard deviation `level` grey values."""
    return _grey(image + level * rng.standard_normal(image.shape))


def blur(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth with a Gaussian of standard deviation `level` pixels."""
    return cv2.GaussianBlur(image, (0, 0), level)


def contrast(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the grey values towards their mean by the share `level`."""
    return _grey(image.mean() + (1 - level) * (image - image.mean()))


def jpeg(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Compress as JPEG of quality `level`, 0 to 100, and decode."""
    data = cv2.imencode(".jpeg", image, [cv2.IMWRITE_JPEG_QUALITY, int(level)])[1]
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def rotation(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Turn by `level` degrees to a random side; what comes into view is black."""
    height, width = image.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), level * rng.choice([-1, 1]), 1)
    return cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR)


def crop(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Cut the share `level` off height and width, at random places, and enlarge the rest to the image's size."""
    height, width = (round((1 - level) * side) for side in image.shape)
    top, left = (int(rng.integers(side - kept + 1)) for side, kept in zip(image.shape, (height, width), strict=True))
    return cv2.resize(image[top : top + height, left : left + width], image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def without_marker(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Paint over bright spots of a letter's size in the outer share `level` of each side (inpainting: Telea 2004)."""
    letter = cv2.getStructuringElement(cv2.MORPH_RECT, (_LARGEST_LETTER, _LARGEST_LETTER))
    spots = cv2.morphologyEx(image, cv2.MORPH_TOPHAT, letter) >= _LETTER_CONTRAST
    _, labels, boxes, _ = cv2.connectedComponentsWithStats((spots & _border(image.shape, level)).astype(np.uint8))
    small = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) <= _LARGEST_LETTER
    small[0] = False  # what is no spot
    mask = cv2.dilate(small[labels].astype(np.uint8), np.ones((5, 5), np.uint8))
    return cv2.inpaint(image, mask, 3, cv2.INPAINT_TELEA)


def without_borders(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Blacken the outer share `level` of each side."""
    return np.where(_border(image.shape, level), 0, image).astype(np.uint8)


def _border(shape: tuple[int, int], share: float) -> np.ndarray:
    """Return (H, W) bool: the pixels within `share` of height or width from an edge."""
    border = np.ones(shape, bool)
    height, width = (round(share * side) for side in shape)
    border[height : shape[0] - height, width : shape[1] - width] = False
    return border


def _grey(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# Kind -> its function, and the level at which validation images are corrupted to choose the final model.
CORRUPTIONS: dict[str, tuple[Callable[[np.ndarray, float, np.random.Generator], np.ndarray], float]] = {
    "noise": (noise, 10),
    "blur": (blur, 1),
    "contrast": (contrast, 0.4),
    "JPEG": (jpeg, 30),
    "rotation": (rotation, 10),
    "crop": (crop, 0.1),
    "marker": (without_marker, 0.2),
    "borders": (without_borders, 0.1),
}
