"""How fast images of full size become an array for a network: Keras' directory loader, and packing as done here."""

import tempfile
from pathlib import Path

import keras
import numpy as np

from cxr_helpers import paths
from cxr_helpers.data import image_files, manifest, packing
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks.harness import Comparison, seconds

SIDE = 224  # pixels
TIMES = 4  # how often the sample of published images is repeated, by links


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison; without the folder of images in their published size it is a CxrError."""
    files = _sample(profile)
    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name)
    repeated = _repeat(files, TIMES, root / "images" / "image")

    def ours(_place: int, _kept: tempfile.TemporaryDirectory = folder) -> float:
        return seconds(lambda: _pack(repeated, root / "packed.npy"))

    about = {
        "images": len(repeated),
        "what_baseline": "keras.utils.image_dataset_from_directory, grey, bilinear, written to an array",
        "what_ours": "JPEG decoded no larger than needed, area averaging, files checked and hashed, written to an array",
    }
    works = {"baseline": lambda _: seconds(lambda: _by_keras(root, len(repeated))), "ours": ours}
    return Comparison(works, 5 if profile == "full" else 1, about)


def _sample(profile: str) -> list[Path]:
    if profile == "smoke":
        root = manifest.source(profile).root
        return [root / image for image in manifest.load(profile).path[:20]]
    folder = paths.from_environment("CXR_SAMPLE_DIR")
    files = sorted(folder.rglob("*.jp*g")) if folder else []
    if not files:
        raise CxrError("Ingest needs images in their published size: name their folder with CXR_SAMPLE_DIR.")
    return files


def _repeat(files: list[Path], times: int, folder: Path) -> list[Path]:
    """Return links in `folder` to the images, each `times` times."""
    folder.mkdir(parents=True)
    links = [folder / f"{place}_{number}.jpeg" for place in range(times) for number in range(len(files))]
    for link, file in zip(links, files * times, strict=True):
        link.symlink_to(file)
    return links


def _by_keras(root: Path, count: int) -> None:
    images = keras.utils.image_dataset_from_directory(
        root / "images", labels=None, color_mode="grayscale", image_size=(SIDE, SIDE), batch_size=32, shuffle=False, verbose=False
    )
    array = np.lib.format.open_memmap(root / "keras.npy", "w+", np.uint8, (count, SIDE, SIDE))
    start = 0
    for batch in images:
        array[start : start + len(batch)] = batch.numpy()[..., 0]
        start += len(batch)
    array.flush()


def _pack(files: list[Path], path: Path) -> None:
    """Write the images as one array file; a large JPEG is decoded no larger than needed."""
    packing.write(files, lambda file: resize(image_files.read(file, packing.enough_for(SIDE)).pixels, SIDE), SIDE, path)
