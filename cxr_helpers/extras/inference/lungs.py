"""The committed lung segmenter: checked whenever it is loaded, and the box of the lungs that it finds."""

import functools
import hashlib
import json
from pathlib import Path

import numpy as np

from cxr_helpers import paths
from cxr_helpers.base import lazy, stored_results
from cxr_helpers.base.files import atomic_path, atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.statistics.cardiothoracic import implausible
from cxr_helpers.records import Record, model_path

keras = lazy.module("keras")
compact = lazy.module("cxr_helpers.extras.inference.compact")
segmentation = lazy.module("cxr_helpers.extras.makers.segmentation")
unet = lazy.module("cxr_helpers.extras.networks.unet")

SIZE_LIMIT = 3_000_000  # bytes
ANEW = "`cxr train lung_segmenter --retrain` makes it anew"


def published(profile: str = "full") -> Path:
    """Return where the segmenter lies; `lungs.json` beside it names its run and its SHA-256."""
    return paths.reports(profile) / "models" / "lungs.keras"


def publish(record: Record, profile: str) -> Path:
    """Put the saved model of a segmenter's run beside the published classifier and return its path.

    Raises:
        CxrError: the model is not on this machine, or is above 3 MB.
    """
    source, target = model_path(profile, record.run_id), published(profile)
    if not source.is_file():
        raise CxrError(f"The model of run {record.run_id} is not on this machine; {ANEW}.")
    with atomic_path(target) as temporary:
        compact.save(keras.saving.load_model(source, compile=False), temporary)
        if temporary.stat().st_size > SIZE_LIMIT:
            raise CxrError(f"The segmenter of run {record.run_id} has {temporary.stat().st_size / 1e6:.1f} MB, above 3 MB.")
        sha256 = hashlib.sha256(temporary.read_bytes()).hexdigest()
    atomic_write(target.with_suffix(".json"), json.dumps({"run_id": record.run_id, "sha256": sha256}, indent=2) + "\n")
    return target


def of_run(record: Record, profile: str):
    """Return a run's segmenter as a Keras model: the published one where that is the run's, else the one saved on this machine.

    Raises:
        CxrError: neither is there.
    """
    card, saved = published(profile).with_suffix(".json"), model_path(profile, record.run_id)
    if card.is_file() and json.loads(card.read_text(encoding="utf-8"))["run_id"] == record.run_id:
        return load(profile)
    if not saved.is_file():
        raise CxrError(f"The model of run {record.run_id} is not on this machine; {ANEW}.")
    return keras.saving.load_model(saved, compile=False)


def load(profile: str = "full"):
    """Return the published segmenter as a Keras model.

    Raises:
        CxrError: it is missing, or not the file whose SHA-256 `lungs.json` names.
    """
    path, said = published(profile), digest(profile)
    try:
        if hashlib.sha256(path.read_bytes()).hexdigest() != said:
            raise CxrError(f"{path} is not the segmenter that lungs.json describes (its SHA-256 differs); restore it from git.")
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError) as error:
        raise CxrError(f"{path} cannot be read ({str(error).partition(chr(10))[0][:120]}); restore it from git.") from error


def digest(profile: str = "full") -> str:
    """Return the SHA-256 (hex) of the published segmenter, as its card names it; a card that cannot be read is a CxrError."""
    card = published(profile).with_suffix(".json")
    stored_results.note(card)
    try:
        return json.loads(card.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CxrError(f"{card} cannot be read ({error}); restore it from git.") from error


def found(images: np.ndarray, profile: str = "full") -> tuple[np.ndarray, np.ndarray]:
    """Return the lungs' masks bool (n, H, W) of images uint8 (n, H, W), and bool (n,): may they be trusted?"""
    maps = segmentation.maps(_loaded(profile), images)[..., unet.STRUCTURES.index("lungs")]
    masks = np.stack([segmentation.mask(part, images.shape[1:]) for part in maps])
    return masks, np.array([not implausible(*each) for each in zip(masks, maps, strict=True)])


@functools.cache
def _loaded(profile: str):
    return load(profile)


def box(lungs: np.ndarray, margin: float = 0.05) -> tuple[slice, slice] | None:
    """Return the rows and columns of the lungs' bounding box (see `bounds`), or None where their mask is implausible."""
    return None if implausible(lungs) else bounds(lungs, margin)


def bounds(lungs: np.ndarray, margin: float) -> tuple[slice, slice]:
    """Return the rows and columns of the bounding box of a mask (H, W) bool that is not empty.

    `margin` is added on every side, as a share of the box's height or width; the box ends with the image.
    """
    found = []
    for axis in (1, 0):
        held = np.flatnonzero(lungs.any(axis=axis))
        room = round(margin * (held[-1] + 1 - held[0]))
        found.append(slice(max(0, int(held[0]) - room), min(lungs.shape[1 - axis], int(held[-1]) + 1 + room)))
    return found[0], found[1]
