"""Real images in every format that is read, and ways to spoil them: for the tests that feed readers what no one would save."""

import functools
import io
import os
import random
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pydicom
import tiny_images
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

INTERESTING = (b"\0", b"\xff", b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"IEND")
# Made by machines and converters: plain, RLE, JPEG 2000, a lossy JPEG of 12 bits, big-endian.
DICOM_FILES = ("CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "JPGExtended.dcm", "MR_small_bigendian.dcm")
APART = ("jp2klossless.dcm", "JPGExtended.dcm")  # decoded in a process of their own, which takes its time
IDENTITY = "Doe^Jane"  # the patient of every image that has tags


@functools.cache
def seeds() -> dict[str, bytes]:
    """Return whole files by name: drawn ones, DICOM files that pydicom brings, an image of the real set where that is at hand."""
    image = tiny_images.image(0, 56, 48)
    colour = cv2.merge([image] * 3)
    found = {
        "grey.jpeg": cv2.imencode(".jpg", image)[1].tobytes(),
        "colour.jpeg": cv2.imencode(".jpg", colour)[1].tobytes(),
        "progressive.jpeg": cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes(),
        "tagged.jpeg": _with_exif(image),
        "grey.png": cv2.imencode(".png", image)[1].tobytes(),
        "colour.png": cv2.imencode(".png", colour)[1].tobytes(),
        "deep.png": cv2.imencode(".png", image.astype(np.uint16) * 257)[1].tobytes(),
        "plain.tif": _tiff(image, "raw"),
        "packed.tif": _tiff(image, "tiff_lzw"),
        "explicit.dcm": dicom(image, ExplicitVRLittleEndian),
        "implicit.dcm": dicom(image, ImplicitVRLittleEndian, WindowCenter=2048, WindowWidth=1024),
        "rle.dcm": dicom(image, RLELossless),
    }
    for name in DICOM_FILES:
        found[f"real {name}"] = Path(get_testdata_file(name, download=False)).read_bytes()
    real = os.environ.get("CXR_DATA_DIR")
    real = next(iter(sorted(Path(real).glob("test/NORMAL/*.jp*g"))), None) if real else None
    if real:
        found["real.jpeg"] = real.read_bytes()
        found["real.png"] = cv2.imencode(".png", cv2.imread(str(real), cv2.IMREAD_GRAYSCALE))[1].tobytes()
    return found


def _with_exif(image: np.ndarray) -> bytes:
    exif, target = Image.Exif(), io.BytesIO()
    exif[0x010E], exif[0x013B] = f"patient {IDENTITY}", IDENTITY  # description, artist
    Image.fromarray(image).save(target, "JPEG", exif=exif, comment=IDENTITY.encode())
    return target.getvalue()


def _tiff(image: np.ndarray, compression: str) -> bytes:
    Image.fromarray(image).save(target := io.BytesIO(), "TIFF", compression=compression)
    return target.getvalue()


def dicom(image: np.ndarray, syntax: str = ExplicitVRLittleEndian, **tags: object) -> bytes:
    """Return a DICOM file of 12-bit values with the tags of a patient."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    made = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    made.PatientName, made.PatientID, made.PatientBirthDate, made.Modality = IDENTITY, "4711", "19700101", "CR"
    made.Rows, made.Columns = image.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = (image.astype("<u2") * 16).tobytes()
    if syntax == RLELossless:
        made.compress(RLELossless)
    for name, value in tags.items():
        setattr(made, name, value)
    target = io.BytesIO()
    pydicom.dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, pixels: bytes, before: bytes = b"") -> bytes:
    """Return a PNG file of 8-bit grey that claims a size and holds compressed bytes, whatever they are."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def resized_jpeg(width: int, height: int) -> bytes:
    """Return a small JPEG file whose header claims another size."""
    data = bytearray(seeds()["grey.jpeg"])
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def many_scans(count: int) -> bytes:
    """Return a progressive JPEG file whose last scan is there so many times."""
    data = seeds()["progressive.jpeg"]
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def spoiled(rng: random.Random) -> tuple[str, bytes]:
    """Return the name of one of `seeds`, and the file with one to four changes: bits, bytes, cuts, pieces moved, doubled."""
    names = sorted(seeds())
    (name,) = rng.choices(names, [0.1 if name.endswith(APART) else 1 for name in names])
    data = bytearray(seeds()[name])
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        if not data:
            break
        place = rng.randrange(rng.choice((len(data), min(700, len(data)))))  # most of what matters stands in the head
        length = rng.randint(1, 64)
        kind = rng.choice(("bit", "bytes", "value", "cut", "out", "double", "move", "noise"))
        if kind == "bit":
            data[place] ^= 1 << rng.randrange(8)
        elif kind == "bytes":
            data[place : place + length] = rng.randbytes(rng.randint(1, length))
        elif kind == "value":
            value = rng.choice(INTERESTING)
            data[place : place + len(value)] = value
        elif kind == "cut":
            del data[place:]
        elif kind == "out":
            del data[place : place + length]
        elif kind == "double":
            data[place:place] = data[place : place + length] * rng.randint(1, 50)
        elif kind == "move":
            piece = bytes(data[place : place + length])
            del data[place : place + length]
            data[:0] = piece
        else:
            data += rng.randbytes(length)
    return name, bytes(data)
