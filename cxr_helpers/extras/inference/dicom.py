"""The image in a DICOM file as grey values that a reader would see: rescaled, windowed, bright for dense tissue.

Of the file's other contents, names and numbers of patients among them, nothing is read out, kept or written anywhere.
"""

import io
import struct
import warnings

import numpy as np
from PIL import Image

from cxr_helpers.base import lazy
from cxr_helpers.data.image_files import LARGEST, TOO_LARGE, NoImage

pydicom = lazy.module("pydicom")
encaps = lazy.module("pydicom.encaps")
dicom_pixels = lazy.module("pydicom.pixels")
uid = lazy.module("pydicom.uid")

MAGIC = slice(128, 132)  # bytes that say b"DICM"
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # a transfer syntax whose few bytes may unpack to any number
INVERTED, PLAIN = "MONOCHROME1", "MONOCHROME2"  # the smallest value is shown white, or black


def read(data: bytes) -> np.ndarray | None:
    """Return the image in a DICOM file as uint8 (H, W), black 0 to white 255; None where the bytes are of another format.

    Stored values pass the modality's rescale slope and intercept or table, then the first window (or VOI table) that the
    file names; without one, the whole range of values is shown.

    Raises:
        NoImage: the file is damaged, has no single grey frame, or is compressed in a way that cannot be read here.
    """
    if data[MAGIC] != b"DICM":
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that break the standard in tags that are not used
            if _DEFLATED in data:
                raise NoImage("a DICOM file that is deflated as a whole; export it uncompressed")
            image = pydicom.dcmread(io.BytesIO(data))
            _check(image)
            if image.file_meta.TransferSyntaxUID.is_encapsulated:
                _check_compressed(image)
            values = dicom_pixels.apply_modality_lut(image.pixel_array, image)
            shown = np.asarray(dicom_pixels.apply_voi_lut(values, image, index=0), "float64")
            low, high = _range(image, shown)
    except NoImage:
        raise
    except (NotImplementedError, RuntimeError) as error:
        raise NoImage("a DICOM file whose compression cannot be read here; export it uncompressed") from error
    except Exception as error:  # a damaged file makes pydicom raise anything, in words that may quote its tags
        raise NoImage("a damaged DICOM file") from error
    if shown.ndim != 2 or not np.isfinite(shown).all():
        raise NoImage("a damaged DICOM file")
    scaled = np.clip((shown - low) / ((high - low) or 1.0), 0, 1)
    inverted = image.PhotometricInterpretation == INVERTED
    return np.rint(255 * (1 - scaled if inverted else scaled)).astype(np.uint8)


def _check(image: "pydicom.Dataset") -> None:
    kind = str(image.get("PhotometricInterpretation", ""))
    if "PixelData" not in image:
        raise NoImage("a DICOM file without pixels")
    if int(image.get("NumberOfFrames") or 1) != 1 or kind not in (INVERTED, PLAIN):
        raise NoImage("a DICOM file that is no single grey frame")
    if int(image.get("SamplesPerPixel", 1)) != 1 or int(image.BitsAllocated) > 32:
        raise NoImage("a DICOM file that is no single grey frame")
    if int(image.Rows) * int(image.Columns) > LARGEST:  # before anything of that size is made
        raise NoImage(TOO_LARGE)


def _check_compressed(radiograph: "pydicom.Dataset") -> None:
    """Refuse a frame that unpacks to another size than the file claims: a decoder would make it all the same."""
    frame = encaps.get_frame(radiograph.PixelData, 0, number_of_frames=1)
    rows, columns = int(radiograph.Rows), int(radiograph.Columns)
    if radiograph.file_meta.TransferSyntaxUID == uid.RLELossless:
        count, *offsets = struct.unpack("<16L", frame[:64])
        ends = [*offsets[1:count], len(frame)]
        fits = all(_fits(frame[start:end], rows * columns) for start, end in zip(offsets[:count], ends, strict=True))
    else:
        try:
            with Image.open(io.BytesIO(frame)) as image:
                fits = image.size == (columns, rows)
        except OSError:  # a compression that Pillow does not know; the decoder that does looks itself
            fits = True
    if not fits:
        raise NoImage("a damaged DICOM file")


def _fits(segment: bytes, most: int) -> bool:
    """Tell whether an RLE segment (DICOM PS3.5, annex G) unpacks to no more than so many bytes, and one to pad them."""
    place = unpacked = 0
    while place < len(segment) and unpacked <= most + 1:
        count = segment[place]  # below 128 so many bytes and one follow; above, one byte stands for 257 less so many
        unpacked += count + 1 if count < 128 else 257 - count if count > 128 else 0
        place += count + 2 if count < 128 else 2 if count > 128 else 1
    return unpacked <= most + 1


def _range(image: "pydicom.Dataset", shown: np.ndarray) -> tuple[float, float]:
    """Return what is shown black and white: the ends of the table's or window's output, or of the values where there is none.

    A window ends where pydicom puts what lies below and above it: of a falling rescale (slope < 0) the first is the larger.
    """
    table = (image.get("VOILUTSequence") or [{}])[0]
    if None not in (table.get("LUTDescriptor"), table.get("LUTData")):
        return 0.0, float(2 ** int(table.LUTDescriptor[2]) - 1)
    ends = dicom_pixels.apply_voi_lut(np.array([-np.inf, np.inf]), image, index=0)
    low, high = ends if np.isfinite(ends).all() else (shown.min(), shown.max())
    return float(low), float(high)
