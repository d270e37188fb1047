"""How fast images of full size become an array for a network: Keras' directory loader, and packing as done here.

The sample of published images is repeated by links. Beside the comparison, sets of one, ten and a hundred times the sample are
packed, each in a process of its own, to show how time and memory grow.
"""

import tempfile
from pathlib import Path

import numpy as np

from cxr_helpers import paths
from cxr_helpers.data import image_files, packing
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import fresh_process, measurements
from cxr_helpers.extras.benchmarks.comparisons import Comparison

SIDE = 224  # pixels
TIMES = 4  # how often the sample is repeated for the comparison
GROWTH = {"full": (1, 10, 100), "smoke": (1, 3)}


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison; without the folder of images in their published size it is a CxrError."""
    files = _sample(profile)
    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name)
    repeated = _repeat(files, TIMES, root / "images" / "image")
    grown: list[dict] = []

    def ours(_kept: tempfile.TemporaryDirectory = folder) -> float:
        return measurements.seconds(lambda: _pack(repeated, root / "packed.npy"))

    def growth() -> list[dict]:
        if not grown:
            grown.extend(fresh_process.alone(_packed, files, times) for times in GROWTH[profile])
        return grown

    return Comparison(
        {
            "baseline": lambda: measurements.seconds(lambda: _by_keras(root, len(repeated), "grayscale", "bilinear")),
            "ours": ours,
            "baseline_area": lambda: measurements.seconds(lambda: _by_keras(root, len(repeated), "grayscale", "area")),
            "baseline_rgb": lambda: measurements.seconds(lambda: _by_keras(root, len(repeated), "rgb", "bilinear")),
        },
        5 if profile == "full" else 1,
        images=len(repeated),
        what_baseline="keras.utils.image_dataset_from_directory, grey, bilinear, written to an array",
        what_baseline_area="the same with area averaging",
        what_baseline_rgb="the same as Keras does it unasked, in three equal channels, of which one is written",
        what_ours="JPEG decoded no larger than needed, area averaging, files checked and hashed, written to an array",
        differences=lambda: differences(files),
        growth=growth,
    )


def differences(files: list[Path]) -> dict[str, float]:
    """Return the mean and the largest of the images' mean absolute differences (grey levels) that reduced decoding makes."""
    found = []
    for file in files:
        reduced, whole = (resize(image_files.read(file, side).pixels, SIDE) for side in (packing.enough_for(SIDE), None))
        found.append(np.abs(reduced.astype(int) - whole.astype(int)).mean())
    return {"mean": round(float(np.mean(found)), 3), "max": round(float(np.max(found)), 3)}


def _sample(profile: str) -> list[Path]:
    if profile == "smoke":
        from cxr_helpers.data import manifest

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


def _by_keras(root: Path, count: int, color_mode: str, interpolation: str) -> None:
    import keras

    images = keras.utils.image_dataset_from_directory(
        root / "images",
        labels=None,
        color_mode=color_mode,
        image_size=(SIDE, SIDE),
        batch_size=32,
        shuffle=False,
        interpolation=interpolation,
        verbose=False,
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


def _packed(files: list[Path], times: int) -> dict:
    """Return images, seconds and the rise of the peak memory (MB) of packing the sample so many times over."""
    with tempfile.TemporaryDirectory() as folder:
        _pack(files[:2], Path(folder) / "first.npy")
        meter = fresh_process.Meter()
        _, seconds, megabytes = meter(lambda: _pack(files * times, Path(folder) / "packed.npy"))
    return {"images": len(files) * times, "seconds": round(seconds, 2), "peak_memory_rise_mb": round(megabytes, 1)}
