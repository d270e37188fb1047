"""Films as one memory-mapped array, decoded once."""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from cxr_helpers import paths
from cxr_helpers.data import images
from cxr_helpers.data import manifest as manifests
from cxr_helpers.data.preprocessing import VARIANTS, resize
from cxr_helpers.errors import CxrError
from cxr_helpers.files import atomic_path, mapped, new_array


def load(profile: str, size: int, variant: str = "none") -> np.memmap:
    """Return all films of a profile as (N, size, size) uint8 grey, rows in manifest order, read-only.

    The array is kept in the build folder and made anew when the films or the variant's steps change. Variants are
    applied after resizing, so that a filter's kernel means the same number of network pixels for every film.

    Raises:
        CxrError: the variant is unknown or `size` is not positive.
    """
    if variant not in VARIANTS:
        raise CxrError(f"Preprocessing variant {variant!r} is unknown: choose one of {', '.join(VARIANTS)}.")
    if size < 1:
        raise CxrError(f"Image size {size} is impossible: give the side in pixels, as 224.")
    manifest = manifests.load(profile)
    state = f"{manifests.data_hash(manifest)} {VARIANTS[variant].described}"
    name = f"{variant}-{size}-{hashlib.sha256(state.encode()).hexdigest()[:12]}.npy"
    path = paths.build(profile) / "packed" / name
    if not path.exists():
        if variant == "none":
            root = manifests.source(profile).root
            films = zip((root / film for film in manifest["path"]), manifest["sha256"], strict=True)
            _pack(films, len(manifest), lambda film: resize(_unchanged(*film, profile), size), size, path)
        else:
            _pack(load(profile, size), len(manifest), VARIANTS[variant], size, path)
    return mapped(path)


def _unchanged(path: Path, sha256: str, profile: str) -> np.ndarray:
    """Return the pixels of a film that is what the manifest says; one that was changed meanwhile is a CxrError."""
    film = images.read(path)
    if film.sha256 != sha256:
        manifests.forget(profile)
        raise CxrError(f"{path} was changed after the manifest was made; the same command, run again, makes a new manifest.")
    return film.pixels


def _pack(items: Iterable, count: int, make: Callable[..., np.ndarray], size: int, path: Path) -> None:
    """Write `make(item)` of each of `count` items, a (size, size) uint8 film, to one array file."""
    with atomic_path(path) as temporary, ThreadPoolExecutor(os.cpu_count()) as pool:
        packed = new_array(temporary, np.uint8, (count, size, size))
        for row, film in enumerate(tqdm(pool.map(make, items), total=count, desc=path.stem, unit="film")):
            packed[row] = film
        packed.flush()


def films(profile: str, image_ids: Iterable[str], size: int = 224, variant: str = "none") -> np.ndarray:
    """Return the films of these image_ids, in their order: uint8 (n, size, size)."""
    rows = pd.Index(manifests.load(profile).image_id).get_indexer(list(image_ids))
    if (rows < 0).any():
        missing = int((rows < 0).sum())
        raise CxrError(f"{missing} of the films asked for are not in this data set; train the run again with --retrain.")
    return np.asarray(load(profile, size, variant)[rows])
