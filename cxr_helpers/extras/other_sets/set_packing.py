"""The images of a set as one array of many files: decoded once, in threads, with bounded memory, on one disk or several."""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_path
from cxr_helpers.base.progress import say
from cxr_helpers.data import image_files, packing
from cxr_helpers.data.preprocessing import VARIANTS, resize
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import shards
from cxr_helpers.extras.other_sets.image_sets import ImageSet

BLOCK = 4096  # images a file: what a stopped packing loses at most


def load(found: ImageSet, profile: str, size: int, variant: str = "none") -> tuple[shards.Shards, pd.DataFrame]:
    """Return the packed images (N, size, size) uint8 grey, and the table of those that could be read.

    The table is the set's with row (in the array) and sha256 (of the file). Files that are no usable image are left out;
    `refused` lists them. The array lies in files of `BLOCK` images in the build folder, or spread over the folders that
    CXR_PACKED_DIRS names (with ":" between them, on other disks say), and is made anew when a file of the set changes.

    Raises:
        CxrError: the variant is unknown, or a part of the set is left without an image.
    """
    if variant not in VARIANTS:
        raise CxrError(f"Preprocessing variant {variant!r} is unknown: choose one of {', '.join(VARIANTS)}.")
    index = _folder(found, profile) / f"{_state(found, size, variant)}.json"
    if not index.is_file():  # written last: where it lies, all files are whole
        _pack([Path(path) for path in found.table.path], size, variant, index)
    packed = shards.load(index)
    described = [pd.read_csv(file.with_suffix(".csv"), dtype=str, keep_default_na=False) for file in packed.files]
    read = pd.concat(described, ignore_index=True)  # one line per image, in the order of the table
    table = found.table.assign(row=np.arange(len(read)), sha256=read.sha256.to_numpy(), reason=read.reason.to_numpy())
    usable = table[table.reason == ""].drop(columns="reason").reset_index(drop=True)
    _report(table[table.reason != ""], _folder(found, profile))
    if lost := sorted(set(table.split) - set(usable.split)):
        raise CxrError(f"No image of the {lost[0]} part of {found.root} can be read: replace its files.")
    return packed, usable


def refused(found: ImageSet, profile: str) -> pd.DataFrame:
    """Return the files that `load` left out: path and reason."""
    return pd.read_csv(_folder(found, profile) / "refused.csv", keep_default_na=False)


def _folder(found: ImageSet, profile: str) -> Path:
    return paths.build(profile) / "packed_sets" / found.name


def _state(found: ImageSet, size: int, variant: str) -> str:
    """Return a name that changes with any file of the set, its size or time."""
    digest = hashlib.sha256(VARIANTS[variant].described.encode())
    for path in found.table.path:
        try:
            state = os.stat(path)
            digest.update(f"\n{path} {state.st_size} {state.st_mtime_ns}".encode())
        except OSError as error:  # a broken link, say: it will be refused
            digest.update(f"\n{path} {error.strerror}".encode())
    return f"{variant}-{size}-{digest.hexdigest()[:12]}"


def _pack(files: list[Path], size: int, variant: str, index: Path) -> None:
    """Write the array files of a set, each with a table of its images, then the index; what is there already stays."""
    named = [Path(name).expanduser().resolve() for name in os.environ.get("CXR_PACKED_DIRS", "").split(os.pathsep) if name]
    disks, written = [folder / index.parent.name for folder in named] or [index.parent], []
    for start in range(0, len(files), BLOCK):
        number = len(written)
        written.append(disks[number % len(disks)] / f"{index.stem}-{number:05d}.npy")
        if not written[-1].with_suffix(".csv").is_file():
            _pack_block(files[start : start + BLOCK], size, variant, written[-1])
    shards.save(written, index)


def _pack_block(files: list[Path], size: int, variant: str, array: Path) -> None:
    """Write every image's pixels (zeros where it is refused) to `array`, then its digest or the reason beside it."""
    described = {}

    def pixels(path: Path) -> np.ndarray:
        try:
            image = _read(path)
        except image_files.Refused as error:
            described[path] = "", error.reason
            return np.zeros((size, size), np.uint8)
        described[path] = image.sha256, ""
        return VARIANTS[variant](resize(image.pixels, size))

    packing.write(files, pixels, size, array)
    with atomic_path(array.with_suffix(".csv")) as temporary:
        pd.DataFrame([described[path] for path in files], columns=["sha256", "reason"]).to_csv(temporary, index=False)


def _read(path: Path) -> image_files.Radiograph:
    """Return an image as `image_files.read` does, and that of an RGBA file that hides nothing: ChestX-ray14 has hundreds."""
    try:
        return image_files.read(path)
    except image_files.Refused as error:
        if error.reason != image_files.RGBA:  # a file of another kind or size, a pipe, say, is not opened a second time
            raise
        data = path.read_bytes()
        try:
            with Image.open(io.BytesIO(data)) as image:
                if image.getchannel("A").getextrema() == (255, 255):
                    return image_files.Radiograph(np.asarray(image.convert("L")), "RGBA", hashlib.sha256(data).hexdigest())
        except (OSError, SyntaxError, ValueError):
            pass
        raise


def _report(left_out: pd.DataFrame, folder: Path) -> None:
    """Store the refused files as refused.csv in `folder` and say so where there are any."""
    with atomic_path(folder / "refused.csv") as temporary:
        left_out[["path", "reason"]].to_csv(temporary, index=False)
    if len(left_out):
        say(f"{len(left_out)} files are left out: {folder / 'refused.csv'} says why.")
