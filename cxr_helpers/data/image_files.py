"""Read one image from one file, strictly: anything that is damaged or no plain grey or RGB image is refused with a reason."""

import functools
import hashlib
import io
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from cxr_helpers.base import plugins
from cxr_helpers.base.progress import printable
from cxr_helpers.data import grey_range
from cxr_helpers.errors import CxrError

SMALLEST_SIDE = 32  # pixels; a thumbnail for the duplicate search needs as many
LARGEST = 50_000_000  # pixels; a mammogram has 30 million, a radiograph half as many
LARGEST_FILE = 500_000_000  # bytes
TOO_LARGE = f"more than {LARGEST / 1e6:.0f} million pixels"
_MODES = {"1": "1-bit", "P": "palette", "PA": "palette", "F": "floating-point"}  # Pillow's names; others speak for themselves
_DEEP = ("I", "I;16", "I;16B")  # Pillow's names for 16-bit grey
_DEEP_COLOUR = "16-bit colour image"  # which shows only once it is decoded, since Pillow narrows it unasked
_SCANS = 100  # of a progressive JPEG, which has about ten; each costs a pass over all pixels
_SCAN = b"\xff\xda"
_ORIENTATION, _PHOTOMETRIC, _COMPRESSION = 0x0112, 262, 259  # tags of EXIF and of TIFF
# In a process of its own, since libtiff prints its complaints.
_LOAD = "import io, sys; from PIL import Image; Image.open(io.BytesIO(sys.stdin.buffer.read())).load()"
_PATIENCE = 60  # seconds
# Pillow warns of large images, which are refused here by a limit of their own, and of broken tags.
warnings.filterwarnings("ignore", module="PIL")
_TURNS = {  # what brings an image upright that a camera held in another way
    **{2: np.fliplr, 3: lambda pixels: np.rot90(pixels, 2), 4: np.flipud, 5: np.transpose},
    **{6: lambda pixels: np.rot90(pixels, -1), 7: lambda pixels: np.rot90(pixels, 2).T, 8: np.rot90},
}


class NoImage(ValueError):
    """Bytes that are no usable image; the message says why."""


class Refused(CxrError):
    """A file that is no usable image; `reason` says why without naming the file."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{printable(path)} is refused: {reason}; give a JPEG, PNG, grey TIFF or DICOM image.")
        self.reason = reason


@dataclass(frozen=True)
class Radiograph:
    """One decoded image: `pixels` (H, W) uint8 grey, the file's own `mode` ("L" or "RGB"), `sha256` of its bytes.

    `warning` says what the file's tags have against a frontal radiograph, `note` which of more than 8 bits are shown.
    """

    pixels: np.ndarray
    mode: str
    sha256: str
    warning: str = ""
    note: str = ""


def read(path: str | Path, at_least: int | None = None) -> Radiograph:
    """Read and decode a grey or RGB image from a JPEG, PNG or TIFF file, or from a format that a plug-in reads (DICOM).

    Of 16-bit grey the bits that are in use are shown. With `at_least` a JPEG may come at a half, a quarter or an eighth of its
    size, as long as no side has fewer pixels than that: its decoder then averages areas while it transforms blocks, in a
    fraction of the time.

    Raises:
        Refused: the file is unreadable, damaged, of another format, CMYK, of a coloured palette, translucent, too small or large.
    """
    path = Path(path)
    try:
        data = _bytes(path)
        digest = hashlib.sha256(data).hexdigest()
        for reader in _readers():
            if (found := reader(data)) is not None:
                _check_size(*found[0].shape[::-1])
                return Radiograph(found[0], "L", digest, warning=found[1])
        pixels, mode, note = _decoded(data, at_least)
        return Radiograph(pixels, mode, digest, note=note)
    except NoImage as error:
        raise Refused(path, str(error)) from None


def size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) in pixels from the file's header, without decoding it; errors as `read`."""
    try:
        return _opened(_bytes(Path(path))).size
    except NoImage as error:
        raise Refused(Path(path), str(error)) from None


def _bytes(path: Path) -> bytes:
    """Return the content of a file, of which only a regular one of bearable size is read."""
    if "://" in printable(path):
        raise NoImage("an address; download the file and name it as it lies here")
    if not os.path.isfile(path):
        raise NoImage("unreadable (it is no file)")
    try:
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise NoImage(f"{size / 1e6:,.0f} MB, more than {LARGEST_FILE / 1e6:,.0f}")
        return path.read_bytes()
    except OSError as error:
        raise NoImage(f"unreadable ({error.strerror})") from error


@functools.cache
def _readers() -> list[Callable[[bytes], tuple[np.ndarray, str] | None]]:
    """Return the plug-ins' readers: bytes -> (grey uint8 (H, W), warning or ""), or None where they are of another format."""
    return [plugins.load("image_formats", name) for name in plugins.names("image_formats")]


def _opened(data: bytes) -> Image.Image:
    """Return what Pillow makes of a file's header; it decodes nothing yet."""
    try:
        return Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise NoImage(TOO_LARGE) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise NoImage("no image") from error


def _decoded(data: bytes, at_least: int | None) -> tuple[np.ndarray, str, str]:
    """Return the grey pixels (H, W) uint8 of a JPEG, PNG or TIFF file, its mode ("L" or "RGB") and a note on its depth."""
    if not data:
        raise NoImage("zero bytes")
    header = _opened(data)
    if header.format not in ("JPEG", "PNG", "TIFF"):
        raise NoImage(f"{header.format} file, neither JPEG, PNG, TIFF nor DICOM")
    _check_size(*header.size)
    told = b"Exif\0" in data or b"eXIf" in data  # else Pillow would decode a PNG file to look for it; OpenCV turns a TIFF itself
    upright = _TURNS.get(header.getexif().get(_ORIENTATION) if told else None, np.asarray)
    pixels, mode, note = _of_jpeg(header, data, at_least) if header.format == "JPEG" else _of_others(header, data)
    return np.ascontiguousarray(upright(pixels)), mode, note


def _of_others(header: Image.Image, data: bytes) -> tuple[np.ndarray, str, str]:
    """Decode a PNG or TIFF file as `_decoded` returns it, not yet upright."""
    _check_whole(header, data)
    if header.mode in _DEEP:
        deep = _by_opencv(data, np.uint16, "grey image of signed values, or of more than 16 bits")
        pixels, note = grey_range.eight_bits(deep)
        return pixels, "L", note
    if header.mode in ("LA", "RGBA", "P"):
        return *_without_alpha(header, data), ""
    if header.mode not in ("L", "RGB"):  # OpenCV alone would convert CMYK and others in silence
        raise NoImage(f"{_MODES.get(header.mode, header.mode)} image")
    return _by_opencv(data, np.uint8, _DEEP_COLOUR), header.mode, ""


def _of_jpeg(header: Image.Image, data: bytes, at_least: int | None) -> tuple[np.ndarray, str, str]:
    """Decode a JPEG file as `_decoded` returns it, not yet upright, at a part of its size where that is enough."""
    if header.mode not in ("L", "RGB"):
        raise NoImage(f"{header.mode} image")
    if data.count(_SCAN) > _SCANS:
        raise NoImage(f"a JPEG of more than {_SCANS} scans")
    if header.info.get("progressive") and not _has_all_scans(header, data):
        raise NoImage("truncated")
    part = max((part for part in (1, 2, 4, 8) if at_least and min(header.size) >= part * at_least), default=1)
    return _by_libjpeg(data, *(-(-side // part) for side in header.size)), header.mode, ""


def _has_all_scans(header: Image.Image, data: bytes) -> bool:
    """Tell whether the scans of a progressive JPEG give every coefficient to its last bit; libjpeg misses no scan."""
    missing = {(component[0], place): True for component in header.layer for place in range(64)}
    for scan in re.finditer(_SCAN, data):
        head = data[scan.end() + 2 : scan.end() + 20]
        components = head[1 : 1 + 2 * head[0] : 2] if head else b""
        if len(bounds := head[1 + 2 * len(components) :][:3]) == 3:
            places = range(bounds[0], bounds[1] + 1)
            missing |= {(component, place): bool(bounds[2] & 15) for component in components for place in places}
    return not any(missing.values())


def jpeg_fits(data: bytes, width: int, height: int) -> bool:
    """Tell whether the header of a JPEG stream says this size; of one that does, damage anywhere is a `NoImage`."""
    try:
        fits = simplejpeg.decode_jpeg_header(data)[1::-1] == (width, height)
    except ValueError:
        return False
    if fits:
        _by_libjpeg(data, 1, 1)
    return fits


def _by_libjpeg(data: bytes, width: int, height: int) -> np.ndarray:
    """Decode to grey (H, W) uint8 of at least so many pixels; whatever libjpeg complains of is a `NoImage`."""
    try:
        return simplejpeg.decode_jpeg(data, "GRAY", min_height=height, min_width=width, strict=True)[..., 0]
    except ValueError as error:
        cut = "remature end" in str(error)
        raise NoImage("truncated" if cut else f"damaged (libjpeg says: {str(error).strip().partition(chr(10))[0]})") from None


def _check_whole(header: Image.Image, data: bytes) -> None:
    """Refuse a PNG file whose checksums do not hold, a TIFF file of white zeros, and what has several pictures."""
    try:
        if header.format == "PNG":
            _opened(data).verify()
        elif header.tag_v2.get(_PHOTOMETRIC) not in (1, 2):
            raise NoImage("a TIFF file that is neither grey of black as zero nor RGB")
        elif header.tag_v2.get(_COMPRESSION, 1) != 1:  # of a damaged stream OpenCV takes what is left
            subprocess.run([sys.executable, "-P", "-c", _LOAD], input=data, capture_output=True, check=True, timeout=_PATIENCE)
        if getattr(header, "n_frames", 1) != 1:
            raise NoImage("a file of several pictures")
    except NoImage:
        raise
    except Exception as error:  # Pillow's plug-ins raise anything
        raise NoImage("truncated or damaged") from error


def _without_alpha(header: Image.Image, data: bytes) -> tuple[np.ndarray, str]:
    """Return grey pixels and mode of a picture whose alpha channel hides nothing, and whose palette, if any, is grey."""
    try:
        picture = header.convert("RGBA")
    except (OSError, SyntaxError, ValueError):
        raise NoImage("truncated or damaged") from None
    if picture.getchannel("A").getextrema() != (255, 255):
        raise NoImage(f"{_MODES.get(header.mode, header.mode)} image that lets something through")
    if header.mode == "RGBA":  # ChestX-ray14 has hundreds
        return _by_opencv(data, np.uint8, _DEEP_COLOUR), "RGB"
    red, green, blue, _ = np.moveaxis(np.asarray(picture), -1, 0)
    if not (np.array_equal(red, green) and np.array_equal(red, blue)):
        raise NoImage("palette image of colours")
    return np.ascontiguousarray(red), "L"


def _by_opencv(data: bytes, kind: type, otherwise: str) -> np.ndarray:
    """Decode a PNG or TIFF file to grey (H, W), of which values of another kind are a `NoImage` that says `otherwise`."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise NoImage("truncated or damaged")
    if pixels.dtype != kind:
        raise NoImage(otherwise)
    return pixels


def _check_size(width: int, height: int) -> None:
    if min(width, height) < SMALLEST_SIDE:
        raise NoImage(f"{width}×{height} pixels, smaller than {SMALLEST_SIDE}×{SMALLEST_SIDE}")
    if width * height > LARGEST:
        raise NoImage(TOO_LARGE)
