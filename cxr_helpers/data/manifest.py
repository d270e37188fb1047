"""The manifest: one row per usable image, made once per state of the image folder."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from cxr_helpers import paths
from cxr_helpers.base import environment
from cxr_helpers.base.files import atomic_write, fingerprint
from cxr_helpers.base.progress import printable
from cxr_helpers.data import dataset, image_files, preprocessing
from cxr_helpers.errors import CxrError

STAMP = "manifest.txt"  # in the build folder: what the manifest was made from
_VERSION = 3  # raise when the columns or their meaning change
_TEXT = {"sha256": str, "pathogen": str, "patient_id": str}
_PNEUMONIA = re.compile(r"(person\d+)_(bacteria|virus)_")
_NORMAL = re.compile(r"((?:NORMAL\d*-)?IM-\d+)-\d+")
_VERSION_3 = re.compile(r"((?:NORMAL|BACTERIA|VIRUS)-\d+)-\d+")  # names in version 3 of Mendeley's archive
# Lies in a wide gap, which the tests measure: an image saved anew in another size and quality correlates far closer
# with itself, two different images of the real set, squeezed to thumbnails, stay well below.
ALIKE = 0.99
_ROWS = 1024  # images compared with all others at once: bounds the memory of the correlation block


def load(profile: str) -> pd.DataFrame:
    """Return the manifest of a profile, built anew where the image folder or its geometry table has changed.

    One row per usable image, sorted by path: image_id, path (below the source's root), sha256, label, y_true, pathogen,
    patient_id, folder, width, height (pixels of the published file, NaN where unknown), mode, mean, std, p05, p50, p95 (grey
    values 0..255), duplicate_group (-1 = like no other image). A class of which no image can be read is a CxrError, and so is
    another set than the one whose results lie among the reports (`dataset.check_results`).
    """
    dataset.check_results(profile)
    found, folder = dataset.discover(profile), paths.build(profile)
    stamp = folder / STAMP
    geometry = [file] if (file := _geometry(found)) else []
    state = fingerprint([*dataset.images(found.root), *geometry], _VERSION, found.root, found.pixels)
    if not (stamp.exists() and stamp.read_text() == state):
        table, left_out = _build(found)
        stamp.unlink(missing_ok=True)  # what it stands for is about to be replaced
        atomic_write(folder / "manifest.csv", table.to_csv(index=False))
        atomic_write(folder / "refused.csv", left_out.to_csv(index=False))
        atomic_write(stamp, state)
        if len(left_out):
            tqdm.write(f"{len(left_out)} files are left out: {folder / 'refused.csv'} says why.")
    unknown = {"width": "", "height": ""}
    manifest = pd.read_csv(folder / "manifest.csv", dtype=_TEXT, keep_default_na=False, na_values=unknown)
    dataset.check_results(profile, lambda: identity(manifest))
    return manifest


def check(profile: str) -> None:
    """Refuse (CxrError) results of another set than the real images at hand; where there are none, nothing is refused."""
    if profile == "full" and dataset.real():
        load(profile)


def refused(profile: str) -> pd.DataFrame:
    """Return the files that were left out: path (below the source's root) and reason."""
    load(profile)
    return pd.read_csv(paths.build(profile) / "refused.csv", keep_default_na=False)


def identity(manifest: pd.DataFrame) -> dict[str, object]:
    """Return what a set is known by: `data_hash`, and `grey`, the mean over its images of their mean grey values."""
    return {"data_hash": data_hash(manifest), "grey": round(float(manifest["mean"].mean()), 3)}


def data_hash(manifest: pd.DataFrame) -> str:
    """Return the SHA-256 over the sorted image ids and file digests: equal for equal sets of images."""
    lines = sorted(manifest["image_id"] + " " + manifest["sha256"])
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def patient_key(name: str) -> tuple[str, str]:
    """Return (patient_id, pathogen) that a file's name carries, ("", "") for a foreign name.

    PNEUMONIA: number and pathogen, because the set counts bacterial and viral patients separately: images of one
    number with different pathogens are no more alike than strangers'. NORMAL: the IM number with its prefix.
    """
    if match := _PNEUMONIA.match(name):
        return f"{match[1]}_{match[2]}", match[2]
    if match := _NORMAL.match(name):
        return match[1], ""
    if match := _VERSION_3.match(name):
        return match[1], match[1].split("-")[0].lower().removeprefix("normal")
    return "", ""


def grey_statistics(pixels: np.ndarray) -> dict[str, float]:
    """Return mean, std and the 5th, 50th and 95th percentile (the least value that reaches it) of uint8 pixels."""
    # From the histogram, which on an image of full size is many times faster than from the pixels.
    counts = cv2.calcHist([pixels], [0], None, [256], [0, 256]).ravel().astype(float)
    values, share = np.arange(256), counts / counts.sum()
    mean = float(share @ values)
    cumulative = np.cumsum(counts) / counts.sum()
    percentiles = {f"p{q:02d}": int(np.searchsorted(cumulative, q / 100)) for q in (5, 50, 95)}
    return {"mean": mean, "std": float(np.sqrt(share @ (values - mean) ** 2)), **percentiles}


def duplicate_groups(sha256: np.ndarray, thumbnails: np.ndarray, threshold: float = ALIKE) -> np.ndarray:
    """Number the groups of images whose bytes are equal or whose thumbnails (N, H, W) uint8 correlate above `threshold`.

    Returns (N,) int64: the group's number, counted from 0 in row order; -1 for an image that is like no other.
    """
    _, first, same = np.unique(sha256, return_index=True, return_inverse=True)
    pairs = [np.column_stack([np.arange(len(sha256)), first[same]])]  # each image with the first one of the same bytes
    rows = standardise(thumbnails)
    for start in range(0, len(rows), _ROWS):
        correlation = rows[start : start + _ROWS] @ rows[start:].T
        pairs.append(np.argwhere(np.triu(correlation > threshold, 1)) + start)
    one, other = np.concatenate(pairs).T
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(sha256),) * 2)
    _, component = connected_components(graph, directed=False)
    shared = np.bincount(component) > 1
    return np.where(shared, np.cumsum(shared) - 1, -1)[component]


def standardise(thumbnails: np.ndarray) -> np.ndarray:
    """Return (N, H·W) float32 rows of mean 0 and length 1 (or of 0, for a single grey value): dot products are correlations."""
    rows = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=rows, where=lengths > 0)


def _build(found: dataset.Source) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read every image once and return the manifest and the refused files."""
    entries = dataset.images(found.root)
    with ThreadPoolExecutor(environment.cores()) as pool:
        described = list(tqdm(pool.map(_describe, entries), total=len(entries), desc="manifest", unit="image"))
    rows, left_out = {}, []
    for entry, description in zip(entries, described, strict=True):
        path = entry.relative_to(found.root)
        if not isinstance(description, str) and path.with_suffix("") in rows:
            description = "same name as another image but for its ending"
        if isinstance(description, str):
            left_out.append({"path": printable(path.as_posix()), "reason": description})
        else:
            (folder, label, name), image_id = path.parts, path.with_suffix("").as_posix()
            patient_id, pathogen = patient_key(name)
            row = {"image_id": image_id, "path": path.as_posix(), "label": label, "y_true": dataset.LABELS[label]}
            # A foreign name is a patient of its own.
            row |= {"pathogen": pathogen, "patient_id": patient_id or image_id, "folder": folder}
            rows[path.with_suffix("")] = row | description
    table = pd.DataFrame(rows.values())
    for key, images in dataset.count(found.root).items():
        if images and not any(path.parts[:2] == key for path in rows):
            raise CxrError(f"No image in {found.root.joinpath(*key)} can be read: replace its files.")
    thumbnails = np.stack(table.pop("thumbnail").to_list())
    table["duplicate_group"] = duplicate_groups(table["sha256"].to_numpy(str), thumbnails)
    contrary = table[table.groupby("sha256").y_true.transform("nunique") > 1]
    if len(contrary):
        names = ", ".join(map(printable, contrary.sort_values("sha256").path[:4]))
        tqdm.write(f"{len(contrary)} files lie in both classes, byte for byte ({names}, ...): one of the labels is wrong.")
    if found.pixels.endswith("copy"):
        table[["width", "height"]] = _published_sizes(table["path"], found)
    return table, pd.DataFrame(left_out, columns=["path", "reason"])


def _describe(path: Path) -> dict | str:
    """Return what the pixels of one image tell, or the reason for leaving it out."""
    try:
        path.name.encode()
        image = image_files.read(path)
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    except image_files.Refused as error:
        return error.reason
    height, width = image.pixels.shape
    pixels = {"sha256": image.sha256, "width": width, "height": height, "mode": image.mode}
    thumbnail = preprocessing.resize(image.pixels, image_files.SMALLEST_SIDE)
    return pixels | grey_statistics(image.pixels) | {"thumbnail": thumbnail}


def _published_sizes(images: pd.Series, found: dataset.Source) -> np.ndarray:
    """Return (width, height) of the published files of a resized copy from the geometry table, NaN where it names none."""
    if (geometry := _geometry(found)) is None:
        return np.full((len(images), 2), np.nan)
    try:
        sizes = pd.read_csv(geometry, dtype={"width": float, "height": float})
        names = sizes[["split", "label", "name"]].astype(str).agg("/".join, axis=1).to_numpy()
        return sizes.set_index(names)[["width", "height"]].reindex(images).to_numpy()
    except (OSError, ValueError, KeyError) as error:
        raise CxrError(
            f"CXR_GEOMETRY={geometry} cannot be used ({error}): give a CSV of split, label, name, width, height, or take it away."
        ) from error


def _geometry(found: dataset.Source) -> Path | None:
    """Return the table of published sizes: CXR_GEOMETRY, else original_geometry.csv beside the set's folder, else None."""
    beside = found.root.parent / "original_geometry.csv"
    return paths.from_environment("CXR_GEOMETRY") or (beside if beside.is_file() else None)
