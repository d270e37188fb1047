"""The images of a set as one memory-mapped array: decoded once, in threads, with bounded memory."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_path, fingerprint, mapped
from cxr_helpers.base.progress import say
from cxr_helpers.data import image_files, packing, preprocessing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets.image_sets import ImageSet


def load(found: ImageSet, profile: str, size: int, variant: str = "none") -> tuple[np.memmap, pd.DataFrame]:
    """Return the packed images uint8, (N, size, size) grey or (N, size, size, 3) RGB, and the table of those that could be read.

    The table is the set's with row (in the array) and sha256 (of the file). Files that are no usable image are left out;
    refused.csv lists them. The array lies in the build folder and is made anew when a file of the set changes.

    Raises:
        CxrError: the variant is unknown, or a part of the set is left without an image.
    """
    state = fingerprint(found.table.path, preprocessing.described(variant))
    array = _folder(found, profile) / f"{variant}-{size}-{'colour-' * found.colour}{state[:12]}.npy"
    if not array.with_suffix(".csv").is_file():  # written last: where it lies, the array is whole
        _pack([Path(path) for path in found.table.path], size, variant, array, found.colour)
    read = pd.read_csv(array.with_suffix(".csv"), dtype=str, keep_default_na=False)  # one line an image, in the table's order
    table = found.table.assign(row=np.arange(len(read)), sha256=read.sha256.to_numpy(), reason=read.reason.to_numpy())
    usable = table[table.reason == ""].drop(columns="reason").reset_index(drop=True)
    _report(table[table.reason != ""], _folder(found, profile))
    if lost := sorted(set(table.split) - set(usable.split)):
        raise CxrError(f"No image of the {lost[0]} part of {found.root} can be read: replace its files.")
    return mapped(array), usable


def _folder(found: ImageSet, profile: str) -> Path:
    return paths.build(profile) / "packed_sets" / found.name


def _pack(files: list[Path], size: int, variant: str, array: Path, colour: bool) -> None:
    """Write every image's pixels (zeros where it is refused) to `array`, then its digest or the reason beside it."""
    described, channels = {}, (3,) if colour else ()

    def pixels(path: Path) -> np.ndarray:
        try:
            image = image_files.read(path)
        except image_files.Refused as error:
            described[path] = "", error.reason
            return np.zeros((size, size, *channels), np.uint8)
        described[path] = image.sha256, ""
        seen = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) if colour else image.pixels
        return preprocessing.prepared([seen], size, variant)[0]

    packing.write(files, pixels, size, array, *channels)
    with atomic_path(array.with_suffix(".csv")) as temporary:
        pd.DataFrame([described[path] for path in files], columns=["sha256", "reason"]).to_csv(temporary, index=False)


def _report(left_out: pd.DataFrame, folder: Path) -> None:
    """Store the refused files as refused.csv in `folder` and say so where there are any."""
    with atomic_path(folder / "refused.csv") as temporary:
        left_out[["path", "reason"]].to_csv(temporary, index=False)
    if len(left_out):
        say(f"{len(left_out)} files are left out: {folder / 'refused.csv'} says why.")
