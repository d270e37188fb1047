"""Images in several array files, on one disk or many, read as if they were one array and never held in memory together."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cxr_helpers.base.files import atomic_write, mapped
from cxr_helpers.errors import CxrError


class Shards:
    """Images (N, H, W) uint8 whose rows lie in .npy files one after the other.

    Indexed by a number, a slice or an array of rows (numbers, or N booleans), it reads those images, in any order, into a
    new array; `np.asarray` reads all. Only the images asked for come into memory: they are read at their place in a file, so
    that nothing is mapped either.

    Args:
        files: the array files, uint8 (n, H, W) each, in the order of their rows.

    Raises:
        CxrError: a file is missing, no such array, or of other images than the first.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = [Path(file) for file in files]
        shapes, self._begins = zip(*map(_head, self.files), strict=True)
        for file, shape in zip(self.files, shapes, strict=True):
            if shape[1:] != shapes[0][1:]:
                raise CxrError(f"{file} holds images of {shape[1:]}, the first file of {shapes[0][1:]}; pack the set again.")
        self._firsts = np.cumsum([0, *(shape[0] for shape in shapes)])  # the row of each file's first image
        self.shape = (int(self._firsts[-1]), *shapes[0][1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype)

    def __getitem__(self, rows) -> np.ndarray:
        if isinstance(rows, int | np.integer):
            return self[[rows]][0]
        chosen = np.arange(len(self))[rows]
        images = np.empty((len(chosen), *self.shape[1:]), np.uint8)
        numbers = np.searchsorted(self._firsts, chosen, side="right") - 1  # of the files
        for number in np.unique(numbers):
            self._read(number, np.flatnonzero(numbers == number), chosen, images)
        return images

    def _read(self, number: int, places: np.ndarray, rows: np.ndarray, images: np.ndarray) -> None:
        """Read the rows at `places`, which lie in one file, into the same places of `images`."""
        with open(self.files[number], "rb", buffering=0) as handle:
            for place in places:
                row = int(rows[place] - self._firsts[number])
                handle.seek(self._begins[number] + row * images[place].nbytes)
                if handle.readinto(images[place]) != images[place].nbytes:
                    raise CxrError(f"{self.files[number]} ends before its image {row}; remove it and pack the set again.")


def save(files: Sequence[Path], index: Path) -> None:
    """Write the index of the array files, given in the order of their rows, to a JSON file."""
    atomic_write(index, json.dumps({"files": [os.path.relpath(file, index.parent) for file in files]}, indent=1) + "\n")


def load(index: Path) -> Shards:
    """Return the images of the array files that an index names; errors as `Shards`."""
    return Shards([index.parent / file for file in json.loads(index.read_text(encoding="utf-8"))["files"]])


def _head(file: Path) -> tuple[tuple[int, ...], int]:
    """Return the shape of an array file and where its first image begins, in bytes."""
    array = mapped(file)
    if array.ndim != 3 or not array.flags.c_contiguous or array.dtype != np.uint8:
        raise CxrError(f"{file} holds no images (N, H, W) uint8; remove it and pack the set again.")
    return array.shape, array.offset
