"""Read one image from one file, strictly: anything that is no plain 8-bit image is refused with a reason."""

import functools
import hashlib
import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cxr_helpers.base import plugins
from cxr_helpers.errors import CxrError

SMALLEST_SIDE = 32  # pixels; a thumbnail for the duplicate search needs as many
LARGEST = 50_000_000  # pixels; a mammogram has 30 million, a radiograph half as many
LARGEST_FILE = 500_000_000  # bytes
TOO_LARGE = f"more than {LARGEST / 1e6:.0f} million pixels"
_MODES = {"1": "1-bit", "P": "palette", "I": "16-bit", "I;16": "16-bit"}  # Pillow's names; others speak for themselves
_SCANS = 100  # of a progressive JPEG, which has about ten; each costs a pass over all pixels
_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"
_DECODER_FILL = 128  # libjpeg paints the part of an image whose data are missing in this grey
_EXIF_WITHIN = 4096  # bytes; its block comes first or just after JFIF's
_REDUCED = {  # part of a JPEG's size at which it is decoded → how OpenCV is asked
    1: cv2.IMREAD_ANYDEPTH,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


class NoImage(ValueError):
    """Bytes that are no usable image; the message says why."""


class Refused(CxrError):
    """A file that is no usable image; `reason` says why without naming the file."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{printable(path)} is refused: {reason}; give an 8-bit grey or RGB JPEG or PNG image, or DICOM.")
        self.reason = reason


@dataclass(frozen=True)
class Radiograph:
    """One decoded image: `pixels` (H, W) uint8 grey, the file's own `mode` ("L" or "RGB"), `sha256` of its bytes."""

    pixels: np.ndarray
    mode: str
    sha256: str


def read(path: str | Path, at_least: int | None = None) -> Radiograph:
    """Read and decode an image of 8-bit grey or RGB from a JPEG or PNG file, or from a format that a plug-in reads (DICOM).

    With `at_least` a JPEG may come at a half, a quarter or an eighth of its size, as long as no side has fewer pixels than
    that: its decoder then averages areas while it transforms blocks, in a fraction of the time.

    Raises:
        Refused: the file is unreadable, truncated, of another format, 16-bit, CMYK, palette, translucent, too small or large.
    """
    path = Path(path)
    try:
        data = _bytes(path)
        pixels, mode = _foreign(data) or _decoded(data, at_least)
    except NoImage as error:
        raise Refused(path, str(error)) from None
    return Radiograph(pixels, mode, hashlib.sha256(data).hexdigest())


def size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) in pixels from the file's header, without decoding it; errors as `read`."""
    try:
        return _opened(_bytes(Path(path))).size
    except NoImage as error:
        raise Refused(Path(path), str(error)) from None


def printable(name: object) -> str:
    """Return a path as text in which bytes that are no UTF-8 are escaped, as `\\xff`."""
    return str(name).encode(errors="surrogateescape").decode(errors="backslashreplace")


def _bytes(path: Path) -> bytes:
    """Return the content of a file, of which only a regular one of bearable size is read."""
    if not os.path.isfile(path):
        raise NoImage("unreadable (it is no file)")
    try:
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise NoImage(f"{size / 1e6:,.0f} MB, more than {LARGEST_FILE / 1e6:,.0f}")
        return path.read_bytes()
    except OSError as error:
        raise NoImage(f"unreadable ({error.strerror})") from error


@functools.cache
def _readers() -> list[Callable[[bytes], np.ndarray | None]]:
    """Return the plug-ins' readers: each maps a file's bytes to grey uint8 (H, W), or None where they are of another format."""
    return [plugins.load("image_formats", name) for name in plugins.names("image_formats")]


def _foreign(data: bytes) -> tuple[np.ndarray, str] | None:
    for reader in _readers():
        if (pixels := reader(data)) is not None:
            _check_size(*pixels.shape[::-1])
            return pixels, "L"
    return None


def _opened(data: bytes) -> Image.Image:
    """Return what Pillow makes of a file's header; it decodes nothing yet."""
    try:
        # Pillow would warn of large images, which are refused here by a limit of their own, and of broken tags.
        with warnings.catch_warnings(action="ignore"):
            return Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise NoImage(TOO_LARGE) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise NoImage("no image") from error


def _decoded(data: bytes, at_least: int | None) -> tuple[np.ndarray, str]:
    """Return the grey pixels (H, W) uint8 of a JPEG or PNG file and its mode, "L" or "RGB"."""
    if not data:
        raise NoImage("zero bytes")
    header = _opened(data)
    if header.format not in ("JPEG", "PNG"):
        raise NoImage(f"{header.format} file, neither JPEG nor PNG")
    _check_size(*header.size)
    if header.format == "PNG" and header.mode == "RGBA" and _opaque(header):  # ChestX-ray14 has hundreds
        return _by_opencv(data, 1), "RGB"
    if header.mode not in ("L", "RGB"):  # OpenCV alone would convert CMYK, RGBA and palettes in silence
        raise NoImage(f"{_MODES.get(header.mode, header.mode)} image")
    if header.format == "PNG":
        return _by_opencv(data, 1), header.mode
    if data.count(_SCAN) > _SCANS:
        raise NoImage(f"a JPEG of more than {_SCANS} scans")
    if not data.rstrip(b"\0\r\n").endswith(_JPEG_END):
        raise NoImage("truncated (its end marker is missing)")
    pixels = _by_opencv(data, max((part for part in _REDUCED if at_least and min(header.size) >= part * at_least), default=1))
    # OpenCV turns a picture as its EXIF orientation says; what was decoded last may then be any of its edges.
    edges = [pixels[-1], pixels[0], pixels[:, 0], pixels[:, -1]] if b"Exif\0" in data[:_EXIF_WITHIN] else [pixels[-1]]
    if any((edge == _DECODER_FILL).all() for edge in edges):
        raise NoImage("truncated (its lower part is the decoder's fill)")
    return pixels, header.mode


def _opaque(picture: Image.Image) -> bool:
    """Tell whether no pixel of a picture lets anything through; its alpha channel must be decoded for that."""
    try:
        return picture.getchannel("A").getextrema() == (255, 255)
    except (OSError, SyntaxError, ValueError):
        raise NoImage("truncated or damaged") from None


def _by_opencv(data: bytes, part: int) -> np.ndarray:
    """Decode to grey (H, W) uint8 at one `part` of the size; 16-bit colour shows only here, because Pillow narrows it unasked."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[part])
    except cv2.error:
        pixels = None
    if pixels is None:
        raise NoImage("truncated or damaged")
    if pixels.dtype != np.uint8:
        raise NoImage("16-bit image")
    return pixels


def _check_size(width: int, height: int) -> None:
    if min(width, height) < SMALLEST_SIDE:
        raise NoImage(f"{width}×{height} pixels, smaller than {SMALLEST_SIDE}×{SMALLEST_SIDE}")
    if width * height > LARGEST:
        raise NoImage(TOO_LARGE)
