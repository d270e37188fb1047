"""Read one image from one file, strictly: anything that is no plain 8-bit or DICOM image is refused with a reason."""

import hashlib
import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cxr_helpers.data import dicom
from cxr_helpers.errors import CxrError

SMALLEST_SIDE = 32  # pixels; a thumbnail for the duplicate search needs as many
LARGEST = dicom.LARGEST  # pixels; a mammogram has 30 million, a radiograph half as many
LARGEST_FILE = 500_000_000  # bytes
_SCANS = 100  # of a progressive JPEG, which has about ten; each costs a pass over all pixels
_SCAN = b"\xff\xda"
_FORMATS = ("JPEG", "PNG")
_MODES = {
    "1": "1-bit",
    "P": "palette",
    "PA": "palette with transparency",
    "LA": "grey with transparency",
    "RGBA": "RGBA",
    "CMYK": "CMYK",
    "I;16": "16-bit",
    "I": "16-bit",
    "F": "floating-point",
}
_REDUCED = {  # part of a JPEG's size at which it is decoded → how OpenCV is asked
    1: cv2.IMREAD_ANYDEPTH,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
RGBA = "RGBA image"  # the reason for which a picture with an alpha channel is refused
_TOO_LARGE = f"more than {LARGEST / 1e6:.0f} million pixels"
_JPEG_END = b"\xff\xd9"
_EXIF_WITHIN = 4096  # bytes; its block comes first or just after JFIF's
_DECODER_FILL = 128  # libjpeg paints the part of an image whose data are missing in this grey


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
    """Read and decode an image of 8-bit grey or RGB from a JPEG or PNG file, or the grey image of a DICOM file.

    The bytes are read by Python and decoded by OpenCV, so that any path the system allows will do. With `at_least` a JPEG may
    come at a half, a quarter or an eighth of its size, as long as no side has fewer pixels than that: its decoder then
    averages areas while it transforms blocks, in a fraction of the time.

    Raises:
        Refused: the file is unreadable, empty, truncated, no JPEG, PNG or DICOM, 16-bit, CMYK, RGBA, palette, or too small or
            too large.
    """
    path = Path(path)
    data = _bytes(path)
    if dicom.is_dicom(data):
        return Radiograph(_of_dicom(path, data), "L", hashlib.sha256(data).hexdigest())
    mode, kind, side = _header(path, data)
    if kind == "JPEG" and data.count(_SCAN) > _SCANS:
        raise Refused(path, f"a JPEG of more than {_SCANS} scans")
    if kind == "JPEG" and not data.rstrip(b"\0\r\n").endswith(_JPEG_END):
        raise Refused(path, "truncated (its end marker is missing)")
    scale = max((scale for scale in _REDUCED if side >= scale * at_least), default=1) if at_least and kind == "JPEG" else 1
    return Radiograph(_decode(path, data, kind, _REDUCED[scale]), mode, hashlib.sha256(data).hexdigest())


def size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) in pixels from the file's header, without decoding it.

    Raises:
        Refused: the file has no readable image header.
    """
    try:
        if not Path(path).is_file():  # a pipe would keep the reader waiting
            raise Refused(Path(path), "unreadable (it is no file)")
        with _quietly(), Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Refused(Path(path), "no image") from error


def printable(name: object) -> str:
    """Return a path as text in which bytes that are no UTF-8 are escaped, as `\\xff`."""
    return str(name).encode(errors="surrogateescape").decode(errors="backslashreplace")


def _bytes(path: Path) -> bytes:
    """Return the content of a file, of which only a regular one of bearable size is read."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise Refused(path, "unreadable (it is no file)")
        if state.st_size > LARGEST_FILE:
            raise Refused(path, f"{state.st_size / 1e6:,.0f} MB, more than {LARGEST_FILE / 1e6:,.0f}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise Refused(path, f"unreadable ({getattr(error, 'strerror', None) or error})") from error


def _quietly() -> warnings.catch_warnings:
    """Keep Pillow from warning of large images, which are refused here by a limit of their own, and of broken tags."""
    return warnings.catch_warnings(action="ignore")


def _header(path: Path, data: bytes) -> tuple[str, str, int]:
    """Return (mode, format, shorter side in pixels) that the header declares.

    OpenCV alone would convert CMYK, RGBA and palettes in silence.
    """
    if not data:
        raise Refused(path, "zero bytes")
    try:
        with _quietly():
            image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise Refused(path, _TOO_LARGE) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise Refused(path, "no image") from error
    if image.format not in _FORMATS:
        raise Refused(path, f"{image.format} file, neither JPEG nor PNG")
    _check_size(path, *image.size)
    if image.mode not in ("L", "RGB"):
        raise Refused(path, f"{_MODES.get(image.mode, image.mode)} image")
    return image.mode, image.format, min(image.size)


def _of_dicom(path: Path, data: bytes) -> np.ndarray:
    try:
        pixels = dicom.grey(data)
    except dicom.NoImage as error:
        raise Refused(path, str(error)) from None
    _check_size(path, *pixels.shape[::-1])
    return pixels


def _check_size(path: Path, width: int, height: int) -> None:
    if min(width, height) < SMALLEST_SIDE:
        raise Refused(path, f"{width}×{height} pixels, smaller than {SMALLEST_SIDE}×{SMALLEST_SIDE}")
    if width * height > LARGEST:
        raise Refused(path, _TOO_LARGE)


def _decode(path: Path, data: bytes, kind: str, way: int) -> np.ndarray:
    """Return the grey pixels (H, W) uint8; 16-bit colour shows only here, because Pillow narrows it unasked."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), way)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise Refused(path, "truncated or damaged")
    if pixels.dtype != np.uint8:
        raise Refused(path, "16-bit image")
    # OpenCV turns a picture as its EXIF orientation says; what was decoded last may then be any of its edges.
    edges = [pixels[-1], pixels[0], pixels[:, 0], pixels[:, -1]] if b"Exif\0" in data[:_EXIF_WITHIN] else [pixels[-1]]
    if kind == "JPEG" and any((edge == _DECODER_FILL).all() for edge in edges):
        raise Refused(path, "truncated (its lower part is the decoder's fill)")
    return pixels
