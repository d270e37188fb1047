"""The synthetic images as files in Kaggle's layout and naming, so that everything runs without the real set."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from cxr_helpers.base import files, processes
from cxr_helpers.data import synthetic

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
_LUNG, _LESION = 128, 255  # grey values in a mask file


@dataclass(frozen=True)
class Plan:
    """What one file shall show: its path (no ending) below the set, the two seeds, its size in pixels."""

    path: str
    label: str
    pathogen: str
    patient: int
    seed: int
    shape: tuple[int, int]  # width, height


def prepare(folder: Path) -> Path:
    """Return `folder`/chest_xray, drawn with `folder`/masks beside it unless it is there and up to date."""
    root = folder / "chest_xray"
    files.renew([root, folder / "masks"], _write, [__file__, synthetic.__file__])
    return root


def masks(folder: Path, image_id: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the lung mask and the lesion mask of an image of the set in `folder`, each (H, W) bool."""
    levels = cv2.imdecode(np.fromfile(folder / "masks" / f"{image_id}.png", np.uint8), cv2.IMREAD_GRAYSCALE)
    return levels >= _LUNG, levels == _LESION


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
                name = _name(pathogen, number, image, len(images))
                shape = _shape(rng, label)
                path = f"{folder}/{label}/{name}"
                images.append(Plan(path, label, pathogen, patient, int(rng.integers(2**31)), shape))
            left -= own
    return images


def _name(pathogen: str, number: int, image: int, running: int) -> str:
    if pathogen:
        return f"person{number}_{pathogen}_{running + 1}"
    prefix = "NORMAL2-" if number % 2 else ""
    return f"{prefix}IM-{number:04d}-0001" + (f"-{image + 1:04d}" if image else "")


def _shape(rng: np.random.Generator, label: str) -> tuple[int, int]:
    width = int(np.clip(rng.normal(_WIDTHS[label], 45), 190, 480))
    return width, int(width * rng.uniform(0.62, 0.92))


def _write(draft: Path) -> None:
    """Draw every image of the plan into `draft`/chest_xray and its masks into `draft`/masks."""
    planned = plan()
    for folder, label in COUNTS:
        for part in ("chest_xray", "masks"):
            (draft / part / folder / label).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(processes.cores()) as pool:
        work = pool.map(lambda item: _draw(item, draft), planned)
        for _ in tqdm(work, total=len(planned), desc="synthetic images", unit="image"):
            pass


def _draw(item: Plan, draft: Path) -> None:
    radiograph = synthetic.image(item.seed, item.label, pathogen=item.pathogen, patient=item.patient)
    image = cv2.resize(radiograph.image, item.shape, interpolation=cv2.INTER_LINEAR)
    (draft / "chest_xray" / f"{item.path}.jpeg").write_bytes(cv2.imencode(".jpeg", image, _QUALITY)[1].tobytes())
    levels = np.where(radiograph.lesion_mask, _LESION, np.where(radiograph.lung_mask, _LUNG, 0)).astype(np.uint8)
    levels = cv2.resize(levels, item.shape, interpolation=cv2.INTER_NEAREST)
    (draft / "masks" / f"{item.path}.png").write_bytes(cv2.imencode(".png", levels)[1].tobytes())
