"""Is this a frontal chest radiograph at all? Rules for `cxr predict`, which answers for any picture.

Three figures of a small copy of the image, each of which a frontal chest radiograph has large: its likeness to the mean training
image, the brightness of the midline between two darker lungs, and the brightness of the frame, since neck and belly reach
its edge. Photographs and turned images fail the first, lateral views the second, CT slices, which float in black, the
third; an inverted image, or one upside down, is more like a frontal one once it is turned back. The limits are quantiles
of the training images. `cxr measure warnings` counts the radiographs of children and adults that are warned of wrongly, and the
changed ones that are warned of rightly.
"""

import dataclasses
import functools
import io
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cxr_helpers.base.files import atomic_write
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError

SIDE = 32  # pixels of the small copies that are looked at
FILE = "frontal.json"
WARNED = 0.005  # of the training images, at most, by the three figures together
TURNED = {  # likeness to the mean image so changed -> what is said where it is the greater one
    "inverted": "looks like an inverted image",
    "upside down": "looks like an image upside down",
}
WARNINGS = {
    "likeness": "does not look like an upright frontal chest radiograph (a photograph, a turned image?)",
    "midline": "shows no bright midline between two lungs (a lateral view?)",
    "frame": "is surrounded by black (a CT slice?)",
}
SMALL = 112  # pixels of the shorter side: half of what every image is brought to
FEW_GREYS = 8  # a window of no width, a scan of 1 bit
ENLARGED = "shows no more than an image of 64 pixels a side (enlarged from a small one?)"
COLOURED = "is in colour (a photograph?)"
STEPPED = "changes its greys at a row of its JPEG blocks (a damaged file?)"
LONGER = "goes on behind its pixels with what does not belong there (a damaged file?)"
MISQUANTISED = "has single odd entries in a quantisation table (a damaged file?)"
_SCALES = (0.9, 1.0, 1.15, 1.3)  # of height and width, each by itself: a chest fills its image now more, now less
_CHEST = (slice(2, 30), slice(4, 28))  # rows and columns of the mean image that are looked for
_LUNGS = slice(8, 20)  # rows
_MIDDLE = slice(11, 21)  # of an edge
_BLOCK, _JUMP, _VARIED = 8, 8, 3  # rows; grey values: of a step, and the standard deviation of a row that shows something
_FEW = 4  # of a table's 64 entries
_SEEN, _DETAIL, _REPEATED = 224, 0.02, 0.7  # pixels; a share of the greys' standard deviation, and of rows or columns
_COLOUR = 32  # grey values by which the channels of a coloured pixel differ at least
_COLOURED_SHARE = 0.05  # of all pixels: an annotation covers fewer


@dataclasses.dataclass(frozen=True)
class Rules:
    """The mean chest (h, w) uint8, and the least value of each figure (keys of `WARNINGS`) that a frontal radiograph has."""

    chest: np.ndarray
    limits: dict[str, float]


def learn(thumbnails: np.ndarray) -> Rules:
    """Return the rules that training images (N, SIDE, SIDE) uint8 give."""
    images = _standardised(thumbnails)
    mean = images.mean(axis=0).reshape(SIDE, SIDE)[_CHEST]
    chest = np.rint(np.interp(mean, [mean.min(), mean.max()], [0, 255])).astype(np.uint8)
    found = figures(thumbnails, chest)
    return Rules(chest, {name: round(float(np.quantile(found[name], WARNED / len(WARNINGS))), 4) for name in WARNINGS})


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Return the small copy (SIDE, SIDE) uint8 of an image (H, W) uint8 that all else here looks at."""
    return resize(image, SIDE)


def warnings(thumbnails: np.ndarray, rules: Rules) -> list[str]:
    """Return in what each picture (N, SIDE, SIDE) uint8 departs from a frontal chest radiograph, or "" where it does not."""
    found = figures(thumbnails, rules.chest)
    least = np.maximum(rules.limits["likeness"], found["likeness"])
    tests = [(words, found[name] > least) for name, words in TURNED.items()]
    tests += [(words, found[name] < rules.limits[name]) for name, words in WARNINGS.items()]
    return [next((words for words, holds in tests if holds[place]), "") for place in range(len(thumbnails))]


def figures(thumbnails: np.ndarray, chest: np.ndarray) -> dict[str, np.ndarray]:
    """Return midline, frame and likeness (N,) of pictures (N, SIDE, SIDE) uint8, likeness also with `TURNED` chests."""
    return alike(thumbnails, chest) | {"midline": midline(thumbnails), "frame": frame(thumbnails)}


def alike(thumbnails: np.ndarray, chest: np.ndarray) -> dict[str, np.ndarray]:
    """Return the largest correlation (N,) of the mean chest, at any size and place, with what lies under it.

    Keys: "likeness", as it is, and those of `TURNED`.
    """
    upright, upside_down, windows = _bank(chest.tobytes(), chest.shape)
    images, pixels = _standardised(thumbnails), windows.sum(axis=1)
    squares = images**2 @ windows.T - (images @ windows.T) ** 2 / pixels
    flat = squares < 1e-3 * pixels  # a window without contrast is like nothing
    scale = np.where(flat, 0, 1 / np.sqrt(np.where(flat, 1, squares)))
    found = images @ upright.T * scale
    return {
        "likeness": found.max(axis=1),
        "inverted": -found.min(axis=1),
        "upside down": (images @ upside_down.T * scale).max(axis=1),
    }


def midline(thumbnails: np.ndarray) -> np.ndarray:
    """Return by how many standard deviations (N,) the middle of the lungs' height outshines both sides, at the best place."""
    profile = _standardised(thumbnails).reshape(-1, SIDE, SIDE)[:, _LUNGS].mean(axis=1)
    strips = [(profile[:, x - 2 : x + 2], profile[:, np.r_[x - 9 : x - 4, x + 4 : x + 9]]) for x in range(12, 20)]
    return np.max([middle.mean(axis=1) - beside.mean(axis=1) for middle, beside in strips], axis=0)


def frame(thumbnails: np.ndarray) -> np.ndarray:
    """Return the brightness (N,) of the brightest edge (its middle third), as a share of the image's 95th percentile."""
    edges = [thumbnails[:, :2, _MIDDLE], thumbnails[:, -2:, _MIDDLE], thumbnails[:, _MIDDLE, :2], thumbnails[:, _MIDDLE, -2:]]
    brightest = np.max([np.median(edge, axis=(1, 2)) for edge in edges], axis=0)
    return brightest / np.maximum(np.percentile(thumbnails, 95, axis=(1, 2)), 1)


def _standardised(thumbnails: np.ndarray) -> np.ndarray:
    """Return pictures as rows of mean 0 and standard deviation 1, float32; a deviation below 1 grey value counts as 1."""
    images = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    return (images - images.mean(axis=1, keepdims=True)) / np.maximum(images.std(axis=1, keepdims=True), 1)


@functools.lru_cache(maxsize=1)
def _bank(chest: bytes, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the chest at every size and place, the same upside down in its place, and where it lies (0, 1).

    Each has rows (M, SIDE * SIDE) float32; those of a chest have mean 0 and norm 1.
    """
    mean, rows = np.frombuffer(chest, np.uint8).reshape(shape).astype(np.float32), []
    for scales in itertools.product(_SCALES, _SCALES):
        height, width = (round(length / scale) for length, scale in zip(shape, scales, strict=True))
        sized = cv2.resize(mean, (width, height), interpolation=cv2.INTER_AREA)
        sized = (sized - sized.mean()) / np.linalg.norm(sized - sized.mean())
        for top, left in np.ndindex(SIDE - height + 1, SIDE - width + 1):
            row = np.zeros((3, SIDE, SIDE), np.float32)
            row[:, top : top + height, left : left + width] = sized, np.flipud(sized), np.ones_like(sized)
            rows.append(row.reshape(3, -1))
    return tuple(np.stack(rows, axis=1))


def poor(image: np.ndarray) -> str:
    """Say that an image (H, W) uint8 has too few pixels, greys or details to show what the model was trained on, or return ""."""
    if min(image.shape) < SMALL:
        return f"has only {min(image.shape)} pixels on its shorter side"
    if np.count_nonzero(cv2.calcHist([image], [0], None, [256], [0, 256])) < FEW_GREYS:
        return f"has fewer than {FEW_GREYS} grey values"
    return ENLARGED if _enlarged(image) else ""


def _enlarged(image: np.ndarray) -> bool:
    """Tell whether rows and columns of an image (H, W) uint8 are repeated, or half of what the network sees shows all of it."""
    some = (each[:, :: max(1, each.shape[1] // _SEEN)] for each in (image, image.T))  # which costs a large image no memory
    repeated = min((each[1:] == each[:-1]).all(axis=1).mean() for each in some)
    seen = resize(image, _SEEN).astype(np.float32)
    lost = seen - cv2.resize(resize(image, _SEEN // 2), seen.shape, interpolation=cv2.INTER_CUBIC)
    return bool(repeated > _REPEATED or lost.std() < _DETAIL * max(1, seen.std()))


def damaged(path: Path, image: np.ndarray) -> str:
    """Say what speaks for damage in a JPEG or TIFF file, which has no checksum, and its image (H, W) uint8; or return ""."""
    with open(path, "rb") as file:
        head = file.read(132)
    if head.startswith((b"II*\0", b"MM\0*")) and not head.endswith(b"DICM"):
        return LONGER if _goes_on(path.read_bytes()) else ""
    if not head.startswith(b"\xff\xd8"):
        return ""
    return MISQUANTISED if _misquantised(path) else STEPPED if _stepped(image) else ""


def _goes_on(data: bytes) -> bool:
    """Tell whether a TIFF file whose pixels stand behind its tags has more than zeros behind them."""
    tags = Image.open(io.BytesIO(data)).tag_v2
    places, lengths = (tags.get(names[0]) or tags.get(names[1]) or () for names in ((273, 324), (279, 325)))  # strips or tiles
    head = int.from_bytes(data[4:8], "little" if data.startswith(b"II") else "big")
    end = max(map(sum, zip(places, lengths, strict=False)), default=len(data))
    return head < min(places, default=0) and bool(data[end:].strip(b"\0"))


def _misquantised(path: Path) -> bool:
    """Tell whether a quantisation table is libjpeg's but for a few entries, as no encoder makes it (others' differ in many)."""
    with Image.open(path) as header:
        off = [(np.abs(_tables() - table) > 1).sum(axis=1).min() for table in header.quantization.values()]
    return any(0 < entries <= _FEW for entries in off)


@functools.cache
def _tables() -> np.ndarray:
    """Return the quantisation tables (N, 64) of libjpeg at every quality."""
    found = set()
    for quality in range(1, 101):
        Image.new("RGB", (8, 8)).save(file := io.BytesIO(), "JPEG", quality=quality)
        found |= {tuple(table) for table in Image.open(file).quantization.values()}
    return np.array(sorted(found))


def _stepped(image: np.ndarray) -> bool:
    """Tell whether the greys jump at a boundary of JPEG's blocks as at no other row: a wrong bit moves all blocks behind it.

    Rows of one grey (a margin, a collimator) count on neither side.
    """
    inner = np.diff(image.astype(np.int16), axis=0)
    jumps = 2 * inner[1:-1] - inner[:-2] - inner[2:]  # twice what goes beyond how the greys change around it: whole numbers
    found = np.zeros(len(jumps))
    for half in np.array_split(np.arange(image.shape[1]), 2):
        columns = slice(half[0], half[-1] + 1)
        varied = image[:, columns].std(axis=1) > _VARIED
        jump = np.abs(np.median(jumps[:, columns], axis=1)) / 2
        found = np.maximum(found, np.where(varied[:-3] & varied[3:], jump, 0))
    boundary = np.arange(2, len(found) + 2) % _BLOCK == 0
    return found[boundary].max() > max(_JUMP, 1.5 * found[~boundary].max())


def coloured(path: Path) -> bool:
    """Tell whether a picture file has colours: more than a few pixels whose channels differ by more than JPEG's rounding.

    It is decoded at a quarter of its size, which takes a fraction of the time.
    """
    pixels = cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), cv2.IMREAD_REDUCED_COLOR_4)
    if pixels is None:  # a DICOM image, which is grey
        return False
    channels = cv2.split(pixels)
    spread = cv2.subtract(functools.reduce(cv2.max, channels), functools.reduce(cv2.min, channels))
    return bool((spread >= _COLOUR).mean() > _COLOURED_SHARE)


def store(rules: Rules, folder: Path) -> None:
    """Write the rules to frontal.json in `folder`."""
    content = {"limits": rules.limits, "chest": rules.chest.tolist()}
    atomic_write(folder / FILE, json.dumps(content) + "\n")


def load(folder: Path) -> Rules:
    """Return the rules in `folder`; where they are missing or broken, a CxrError names the command that makes them."""
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Rules(np.array(content["chest"], np.uint8), {name: float(content["limits"][name]) for name in WARNINGS})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CxrError(f"{path} cannot be read ({error}); restore it from git, or run `cxr publish` again.") from error
