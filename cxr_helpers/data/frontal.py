"""Is this a frontal chest film at all? Rules for `cxr predict`, which answers for any picture.

Three figures of a small copy of the film, each of which a frontal chest film has large: its likeness to the mean training
film, the brightness of the midline between two darker lungs, and the brightness of the frame, since neck and belly reach
its edge. Photographs and turned films fail the first, lateral views the second, CT slices, which float in black, the
third; an inverted film, or one upside down, is more like a frontal one once it is turned back. The limits are quantiles
of the training films. How many frontal films of children and adults are warned of wrongly, and how many changed ones rightly,
is measured by `cxr measure warnings` and stands in the chapter on external films.
"""

import dataclasses
import functools
import itertools
import json
from pathlib import Path

import cv2
import numpy as np

from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError
from cxr_helpers.files import atomic_write

SIDE = 32  # pixels of the small copies
FILE = "frontal.json"
WARNED = 0.005  # of the training films, at most, by all rules together
TURNED = {
    "looks like an inverted film": np.invert,
    "looks like a film upside down": np.flipud,
}
WARNINGS = {
    "likeness": "does not look like an upright frontal chest film (a photograph, a turned film?)",
    "midline": "shows no bright midline between two lungs (a lateral view?)",
    "frame": "is surrounded by black (a CT slice?)",
}
COLOURED = "is in colour (a photograph?)"
_SCALES = (0.9, 1.0, 1.15, 1.3)  # of height and width, each by itself: a chest fills its film now more, now less
_CHEST = (slice(2, 30), slice(4, 28))  # rows and columns of the mean film that are laid over
_LUNGS = slice(8, 20)  # rows
_MIDDLE = slice(11, 21)  # of an edge
_COLOUR = 32  # grey values by which the channels of a coloured pixel differ at least
_COLOURED_SHARE = 0.05  # of all pixels: an annotation covers fewer


@dataclasses.dataclass(frozen=True)
class Rules:
    """The mean chest (h, w) uint8, and the least value of each figure (keys of `WARNINGS`) that a frontal film has."""

    chest: np.ndarray
    limits: dict[str, float]


def learn(thumbnails: np.ndarray) -> Rules:
    """Return the rules that training films (N, SIDE, SIDE) uint8 give."""
    films = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    films = (films - films.mean(axis=1, keepdims=True)) / np.maximum(films.std(axis=1, keepdims=True), 1)
    mean = films.mean(axis=0).reshape(SIDE, SIDE)[_CHEST]
    chest = np.rint(np.interp(mean, [mean.min(), mean.max()], [0, 255])).astype(np.uint8)
    found = [list(figures(film, chest).values()) for film in thumbnails]
    limits = np.quantile(found, WARNED / len(WARNINGS), axis=0).round(4)
    return Rules(chest, dict(zip(WARNINGS, limits.tolist(), strict=True)))


def warning(film: np.ndarray, rules: Rules) -> str:
    """Return in what a picture (H, W) uint8 departs from a frontal chest film, or "" where it does not."""
    found = figures(film, rules.chest)
    for words, back in TURNED.items():
        if likeness(back(film), rules.chest) > max(rules.limits["likeness"], found["likeness"]):
            return words
    return next((words for name, words in WARNINGS.items() if found[name] < rules.limits[name]), "")


def figures(film: np.ndarray, chest: np.ndarray) -> dict[str, float]:
    """Return likeness, midline and frame of a film (H, W) uint8; `chest` as in `Rules`."""
    return {"likeness": likeness(film, chest), "midline": midline(film), "frame": frame(film)}


def likeness(film: np.ndarray, chest: np.ndarray) -> float:
    """Return the largest correlation of the mean chest with any part of a film (H, W) uint8, over sizes and places."""
    small = resize(film, SIDE)
    sides = [round(scale * SIDE) for scale in _SCALES]
    sizes = (cv2.resize(small, size, interpolation=cv2.INTER_LINEAR) for size in itertools.product(sides, sides))
    return max(float(cv2.matchTemplate(sized, chest, cv2.TM_CCOEFF_NORMED).max()) for sized in sizes)


def midline(film: np.ndarray) -> float:
    """Return by how many standard deviations the middle of the lungs' height is brighter than both sides, at the best place."""
    small = resize(film, SIDE).astype(float)
    profile = ((small - small.mean()) / max(small.std(), 1))[_LUNGS].mean(axis=0)
    strips = [(profile[x - 2 : x + 2], np.r_[profile[x - 9 : x - 4], profile[x + 4 : x + 9]]) for x in range(12, 20)]
    return float(max(middle.mean() - beside.mean() for middle, beside in strips))


def frame(film: np.ndarray) -> float:
    """Return the brightness of the brightest edge (its middle third), as a share of the film's 95th percentile."""
    small = resize(film, SIDE)
    edges = (small[:2, _MIDDLE], small[-2:, _MIDDLE], small[_MIDDLE, :2], small[_MIDDLE, -2:])
    return float(max(np.median(edge) for edge in edges) / max(np.percentile(small, 95), 1))


def coloured(path: Path) -> bool:
    """Tell whether a picture file has colours: more than a few pixels whose channels differ by more than JPEG's rounding."""
    pixels = cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:  # a DICOM film, which is grey
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
