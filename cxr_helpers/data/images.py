"""Read one film from one file, strictly: anything that is no plain 8-bit or DICOM film is refused with a reason."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cxr_helpers.data import dicom
from cxr_helpers.errors import CxrError

SMALLEST_SIDE = 32  # pixels; a thumbnail for the duplicate search needs as many
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
_JPEG_END = b"\xff\xd9"
_DECODER_FILL = 128  # libjpeg paints the part of a film whose data are missing in this grey


class Refused(CxrError):
    """A file that is no usable film; `reason` says why without naming the file."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{path} is refused: {reason}; give an 8-bit grey or RGB JPEG or PNG film, or DICOM.")
        self.reason = reason


@dataclass(frozen=True)
class Film:
    """One decoded film: `pixels` (H, W) uint8 grey, the file's own `mode` ("L" or "RGB"), `sha256` of its bytes."""

    pixels: np.ndarray
    mode: str
    sha256: str


def read(path: str | Path, at_least: int | None = None) -> Film:
    """Read and decode a film of 8-bit grey or RGB from a JPEG or PNG file, or the grey film of a DICOM file.

    The bytes are read by Python and decoded by OpenCV, so that any path the system allows will do. With `at_least` a JPEG may
    come at a half, a quarter or an eighth of its size, as long as no side has fewer pixels than that: its decoder then
    averages areas while it transforms blocks, in a fraction of the time.

    Raises:
        Refused: the file is unreadable, empty, truncated, no JPEG, PNG or DICOM, 16-bit, CMYK, RGBA, palette or too small.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(path, f"unreadable ({error.strerror})") from error
    if dicom.is_dicom(data):
        return Film(_of_dicom(path, data), "L", hashlib.sha256(data).hexdigest())
    mode, kind, side = _header(path, data)
    if kind == "JPEG" and not data.rstrip(b"\0\r\n").endswith(_JPEG_END):
        raise Refused(path, "truncated (its end marker is missing)")
    scale = max((scale for scale in _REDUCED if side >= scale * at_least), default=1) if at_least and kind == "JPEG" else 1
    return Film(_decode(path, data, kind, _REDUCED[scale]), mode, hashlib.sha256(data).hexdigest())


def size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) in pixels from the file's header, without decoding it.

    Raises:
        Refused: the file has no readable image header.
    """
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, Image.DecompressionBombError) as error:
        raise Refused(Path(path), "no image") from error


def _header(path: Path, data: bytes) -> tuple[str, str, int]:
    """Return (mode, format, shorter side in pixels) that the header declares.

    OpenCV alone would convert CMYK, RGBA and palettes in silence.
    """
    if not data:
        raise Refused(path, "zero bytes")
    try:
        image = Image.open(io.BytesIO(data))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Refused(path, "no image") from error
    if image.format not in _FORMATS:
        raise Refused(path, f"{image.format} file, neither JPEG nor PNG")
    if image.mode not in ("L", "RGB"):
        raise Refused(path, f"{_MODES.get(image.mode, image.mode)} image")
    _check_size(path, *image.size)
    return image.mode, image.format, min(image.size)


def _of_dicom(path: Path, data: bytes) -> np.ndarray:
    try:
        pixels = dicom.grey(data)
    except dicom.NoFilm as error:
        raise Refused(path, str(error)) from None
    _check_size(path, *pixels.shape[::-1])
    return pixels


def _check_size(path: Path, width: int, height: int) -> None:
    if min(width, height) < SMALLEST_SIDE:
        raise Refused(path, f"{width}×{height} pixels, smaller than {SMALLEST_SIDE}×{SMALLEST_SIDE}")


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
    if kind == "JPEG" and (pixels[-1] == _DECODER_FILL).all():
        raise Refused(path, "truncated (its lower part is the decoder's fill)")
    return pixels
