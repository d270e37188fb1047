"""The synthetic images as files in Kaggle's layout and naming, so that everything runs without the real set."""

import hashlib
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import filelock
import numpy as np
from tqdm import tqdm

from cxr_helpers.base import environment
from cxr_helpers.extras.other_sets import synthetic

COUNTS = {
    ("train", "NORMAL"): 80,
    ("train", "PNEUMONIA"): 200,
    ("val", "NORMAL"): 8,
    ("val", "PNEUMONIA"): 8,
    ("test", "NORMAL"): 30,
    ("test", "PNEUMONIA"): 50,
}
_SEED = 20180109
_WIDTHS = {"NORMAL": 340, "PNEUMONIA": 270}  # mean pixels: published NORMAL images are wider, about 5 times these
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]
_STAMP = "drawn_by.txt"  # in a folder of drawn images: a hash of the code that drew them


class Plan(NamedTuple):
    """What one file shall show: its path (no ending) below the set, seed and patient's seed, its size (width, height)."""

    path: str
    label: str
    patient: int
    seed: int
    shape: tuple[int, int]


def prepare(folder: Path) -> Path:
    """Return `folder`/chest_xray, the synthetic set, drawn unless it is there and up to date."""
    return renew(folder / "chest_xray", _write, [__file__, synthetic.__file__])


def renew(folder: Path, write: Callable[[Path], None], sources: Iterable[str]) -> Path:
    """Return `folder`, as `write(draft)` makes it, unless it was written by the code files `sources` as they are now.

    One process at a time writes; the old folder stays until the new one is whole.
    """
    version = hashlib.sha256(b"".join(Path(source).read_bytes() for source in sources)).hexdigest()

    def up_to_date() -> bool:
        return (folder / _STAMP).is_file() and (folder / _STAMP).read_text() == version

    if up_to_date():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.draft")
    with filelock.FileLock(folder.with_name(f"{folder.name}.lock")):
        if up_to_date():  # another process was faster
            return folder
        shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed
        draft.mkdir()
        write(draft)
        (draft / _STAMP).write_text(version)
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    return folder


def plan() -> list[Plan]:
    """List every image of the set: names as in the real set, patients with one to four images, none in two folders."""
    rng = np.random.default_rng(_SEED)
    numbers = {"NORMAL": 100, "bacteria": 1, "virus": 1}  # one number may carry both pathogens, as in the real set
    images = []
    for (folder, label), count in COUNTS.items():
        left = count
        while left:
            pathogen = "" if label == "NORMAL" else str(rng.choice(["bacteria", "virus"], p=[0.65, 0.35]))
            number = numbers[pathogen or label]
            numbers[pathogen or label] += int(rng.integers(1, 4))
            own = min(left, int(rng.choice([1, 2, 3, 4], p=[0.55, 0.25, 0.12, 0.08])))
            patient = int(rng.integers(2**31))
            for image in range(own):
                path = f"{folder}/{label}/{_name(pathogen, number, image, len(images))}"
                width = int(np.clip(rng.normal(_WIDTHS[label], 45), 190, 480))
                shape = width, int(width * rng.uniform(0.62, 0.92))
                images.append(Plan(path, label, patient, int(rng.integers(2**31)), shape))
            left -= own
    return images


def _name(pathogen: str, number: int, image: int, running: int) -> str:
    if pathogen:
        return f"person{number}_{pathogen}_{running + 1}"
    prefix = "NORMAL2-" if number % 2 else ""
    return f"{prefix}IM-{number:04d}-0001" + (f"-{image + 1:04d}" if image else "")


def _write(draft: Path) -> None:
    """Draw every image of the plan below `draft`."""
    planned = plan()
    for folder, label in COUNTS:
        (draft / folder / label).mkdir(parents=True)
    with ThreadPoolExecutor(environment.cores()) as pool:
        list(tqdm(pool.map(lambda item: _draw(item, draft), planned), total=len(planned), desc="synthetic images", unit="image"))


def _draw(item: Plan, root: Path) -> None:
    drawn = synthetic.image(item.seed, item.label, patient=item.patient).image
    image = cv2.resize(drawn, item.shape, interpolation=cv2.INTER_LINEAR)
    (root / f"{item.path}.jpeg").write_bytes(cv2.imencode(".jpeg", image, _QUALITY)[1].tobytes())
