"""Images as one memory-mapped array, decoded once."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from cxr_helpers import paths
from cxr_helpers.base import environment, plugins
from cxr_helpers.base.files import atomic_path, mapped
from cxr_helpers.config import whole_number
from cxr_helpers.data import dataset, image_files, preprocessing
from cxr_helpers.data import manifest as manifests
from cxr_helpers.data.preprocessing import COMMON_SIZE, VARIANTS, resize
from cxr_helpers.errors import CxrError

_AT_ONCE = 64  # images that are made before they are written


def load(profile: str, size: int, variant: str = "none") -> np.memmap:
    """Return all images of a profile as (N, size, size) uint8 grey, rows in manifest order, read-only.

    The array is kept in the build folder and made anew when the images or the variant's steps change. Every image is first
    brought to `COMMON_SIZE`; a region of it (a plug-in of "regions") is cut out there. Other variants are applied after
    resizing, so that a filter's kernel means the same number of network pixels for every image.
    """
    whole_number("size", size, 1)
    manifest = manifests.load(profile)
    state = f"{manifests.data_hash(manifest)} {preprocessing.described(variant)}"
    path = paths.build(profile) / "packed" / f"{variant}-{size}-{hashlib.sha256(state.encode()).hexdigest()[:12]}.npy"
    if path.exists():
        return mapped(path)
    if variant not in VARIANTS:
        region, whole = plugins.load("regions", variant), load(profile, COMMON_SIZE)
        masks = region.masks(profile, whole)
        write(range(len(whole)), lambda place: resize(region.cut(whole[place], masks[place]), size), size, path)
    elif variant != "none":
        write(load(profile, size), VARIANTS[variant], size, path)
    elif size < COMMON_SIZE:
        write(load(profile, COMMON_SIZE), lambda image: resize(image, size), size, path)
    else:
        root = dataset.discover(profile).root

        def unchanged(file: str, sha256: str) -> np.ndarray:
            # A JPEG may come at a part of its size: where both sides stay twice `size` long, no image of the published sample
            # then differs by more than 0.9 grey levels on average.
            image = image_files.read(root / file, max(2 * size, COMMON_SIZE))
            if image.sha256 != sha256:
                (paths.build(profile) / manifests.STAMP).unlink(missing_ok=True)
                why = "was changed after the manifest was made; the same command, run again, makes a new manifest"
                raise CxrError(f"{root / file} {why}.")
            return resize(image.pixels, size)

        files = list(zip(manifest["path"], manifest["sha256"], strict=True))
        write(files, lambda pair: unchanged(*pair), size, path)
    return mapped(path)


def images(profile: str, image_ids: Iterable[str], size: int = 224, variant: str = "none") -> np.ndarray:
    """Return the images of these image_ids, in their order: uint8 (n, size, size)."""
    rows = pd.Index(manifests.load(profile).image_id).get_indexer(list(image_ids))
    if missing := int((rows < 0).sum()):
        raise CxrError(f"{missing} of the images asked for are not in this data set; train the run again with --retrain.")
    return np.asarray(load(profile, size, variant)[rows])


def write(items: Sequence, make: Callable[..., np.ndarray], size: int, path: Path, *channels: int) -> None:
    """Write `make(item)` of each item, a (size, size, *channels) uint8 image, to one array file (N, size, size, *channels)."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(items), size, size, *channels)}
    with atomic_path(path) as temporary, ThreadPoolExecutor(environment.cores()) as pool, open(temporary, "wb") as packed:
        np.lib.format.write_array_header_1_0(packed, header)
        with tqdm(total=len(items), desc=path.stem, unit="image") as bar:
            for start in range(0, len(items), _AT_ONCE):
                for image in pool.map(make, items[start : start + _AT_ONCE]):
                    packed.write(np.ascontiguousarray(image).data)  # a memory map would hold what it has written
                    bar.update()
