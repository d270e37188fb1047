"""The image in a DICOM file as grey values that a reader would see: rescaled, windowed, bright for dense tissue.

Of the file's other contents, names and numbers of patients among them, nothing is kept or written anywhere; of what Modality,
ViewPosition and BodyPartExamined say, only whether they are of `NO_RADIOGRAPH`, `LATERAL` and `ELSEWHERE`.
"""

import contextlib
import io
import struct
import subprocess
import sys
import threading
import warnings

import numpy as np
from PIL import Image

from cxr_helpers.base import lazy
from cxr_helpers.data.grey_range import extremes
from cxr_helpers.data.image_files import LARGEST, TOO_LARGE, NoImage, jpeg_fits
from cxr_helpers.extras.inference.out_of_distribution import LONGER

pydicom = lazy.module("pydicom")
encaps = lazy.module("pydicom.encaps")
dicom_pixels = lazy.module("pydicom.pixels")
uid = lazy.module("pydicom.uid")

MAGIC = slice(128, 132)  # bytes that say b"DICM"
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # a transfer syntax whose few bytes may unpack to any number
INVERTED, PLAIN = "MONOCHROME1", "MONOCHROME2"  # the smallest value is shown white, or black
NO_RADIOGRAPH = ("CT", "MR", "US", "MG", "NM", "PT", "XA", "ES", "OP", "PX", "IO", "SEG", "RTIMAGE", "RTDOSE", "XC", "SM", "GM")
_BEHIND = (*range(0x7FE1, 0x8000, 2), 0xFFFA, 0xFFFC)  # groups of a maker, signatures, padding
_OVERLAY_BIT = (0x6000, 0x0102)  # where in a value an overlay is
ELSEWHERE = "SKULL HEAD NECK CSPINE LSPINE ABDOMEN BREAST PELVIS HIP LEG KNEE ANKLE FOOT HAND WRIST ARM ELBOW SHOULDER".split()
LATERAL = ("LATERAL", "LL", "RL", "LLD", "RLD", "LLO", "RLO")
_LEVELS = 65_536  # grey levels that are told apart
_ROOM = threading.Semaphore(1)  # an image of many pixels has the memory for itself
_ROWS = 512  # that are looked up at once
_MANY = 12_000_000  # pixels
# GDCM ends its process at some damaged streams, and it prints lines: it decodes in a process of its own.
_DECODE = """import io, sys, numpy, pydicom
from pydicom.pixels import pixel_array
numpy.save(out := io.BytesIO(), pixel_array(pydicom.dcmread(io.BytesIO(sys.stdin.buffer.read()), force=True)), allow_pickle=False)
sys.stdout.buffer.write(out.getvalue())"""
_PATIENCE = 300  # seconds


def read(data: bytes) -> tuple[np.ndarray, str] | None:
    """Return the image in a DICOM file, uint8 (H, W), black 0 to white 255, and a warning or ""; None for another format.

    Stored values pass the modality's rescale slope and intercept or table, then the first window (or VOI table) that the
    file names; without one, 8-bit values are shown as they are, and of others the range that `extremes` finds.

    Raises:
        NoImage: the file is damaged, has no single grey frame, or is compressed in a way that cannot be read here.
    """
    if data[MAGIC] != b"DICM" and not _without_preamble(data):
        return None  # before the library is loaded, which takes half a second
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that break the standard in tags that are not used
            if _DEFLATED in data:
                raise NoImage("a DICOM file that is deflated as a whole; export it uncompressed")
            image = pydicom.dcmread(io.BytesIO(data), force=True)
            _check(image)
            if image.file_meta.TransferSyntaxUID.is_encapsulated:
                _check_compressed(image)
            with _ROOM if int(image.Rows) * int(image.Columns) > _MANY else contextlib.nullcontext():
                shown, beyond = _shown(image)
            return shown, _damage(image, data, beyond) or _warning(image)
    except NoImage:
        raise
    except NotImplementedError as error:
        remedy = "pip install python-gdcm and try again, or export it uncompressed"
        raise NoImage(f"a DICOM file whose compression cannot be read here (cxr formats lists what can); {remedy}") from error
    except Exception as error:  # a damaged file makes pydicom raise anything, in words that may quote its tags
        raise NoImage("a damaged DICOM file") from error


def compressions() -> dict[str, bool]:
    """Return the names of DICOM's ways to store pixels, and whether this installation reads them."""
    known = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.RLELossless)
    known += (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
    known += (uid.JPEGLSLossless, uid.JPEGLSNearLossless, uid.JPEG2000Lossless, uid.JPEG2000)
    found = {each.name: not each.is_encapsulated or dicom_pixels.get_decoder(each).is_available for each in known}
    # What is called so has 12 bits, and needs the decoder of the next one.
    return found | {uid.JPEGExtended12Bit.name: found[uid.JPEGLossless.name]}


def _without_preamble(data: bytes) -> bool:
    """Tell whether bytes begin as the tags of a DICOM file whose first 132 bytes were left away: group 2 or 8, a low element."""
    return len(data) > 8 and data[:2] in (b"\2\0", b"\10\0") and data[3] == 0


def _check(image: "pydicom.Dataset") -> None:
    kind = str(image.get("PhotometricInterpretation", ""))
    if "PixelData" not in image:
        raise NoImage("a DICOM file without pixels")
    frames, samples = (int(image.get(tag) or 1) for tag in ("NumberOfFrames", "SamplesPerPixel"))
    if (frames, samples) != (1, 1) or kind not in (INVERTED, PLAIN) or int(image.BitsAllocated) > 32:
        raise NoImage("a DICOM file that is no single grey frame")
    if int(image.Rows) * int(image.Columns) > LARGEST:  # before anything of that size is made
        raise NoImage(TOO_LARGE)
    if "TransferSyntaxUID" not in image.file_meta:
        implicit = image.original_encoding[0]
        image.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
    if image.file_meta.TransferSyntaxUID not in uid.AllTransferSyntaxes:
        raise NotImplementedError
    if image.file_meta.TransferSyntaxUID == uid.JPEGExtended12Bit and int(image.BitsStored) > 8:
        # pydicom does not ask GDCM for this one, whose decoder looks at the stream and not at its name.
        image.file_meta.TransferSyntaxUID = uid.JPEGLosslessSV1


def _warning(image: "pydicom.Dataset") -> str:
    """Return what the tags say against a frontal radiograph, in words that the file cannot choose."""
    kinds = {"Modality": NO_RADIOGRAPH, "BodyPartExamined": ELSEWHERE, "ViewPosition": LATERAL}
    for (tag, known), words in zip(kinds.items(), ("no radiograph", "no chest radiograph", "a lateral view"), strict=True):
        if (said := str(image.get(tag) or "").strip().upper()) in known:
            return f"is {words} by its tags ({tag} {said})"
    return ""


def _damage(image: "pydicom.Dataset", data: bytes, beyond: bool) -> str:
    """Return in what a file contradicts itself, which no checksum guards, or ""; `beyond`: a value has more bits than it says."""
    pixels, order = image["PixelData"], "<H" if image.original_encoding[1] else ">H"
    behind = data[pixels.file_tell + len(pixels.value) :].rstrip(b"\0")
    if beyond:
        return "holds values of more bits than it says (a damaged file?)"
    if ("WindowCenter" in image) != ("WindowWidth" in image):
        return "names one half of its window (a damaged file?)"
    if behind and not pixels.is_undefined_length and struct.unpack_from(order, behind + b"\0")[0] not in _BEHIND:
        return LONGER
    return ""


def _shown(image: "pydicom.Dataset") -> tuple[np.ndarray, bool]:
    """Return the pixels as they are shown, and whether a value has more bits than the file says.

    What is worked out is a table of the stored values, which is then looked up.
    """
    stored = _stored(image)
    if stored.ndim != 2:
        raise NoImage("a damaged DICOM file")
    first, last = int(stored.min()), int(stored.max())
    step = -(-(last - first + 1) // _LEVELS)
    blocks = [slice(row, row + _ROWS) for row in range(0, len(stored), _ROWS)]  # what is made on the way takes little memory

    def places(block: slice) -> np.ndarray:
        return (stored[block].astype("int64") - first) // step

    counts = sum(np.bincount(places(block).ravel(), minlength=(last - first) // step + 1) for block in blocks)
    levels = first + step * np.arange(len(counts))
    padding = _padding(image, levels)
    values = np.asarray(dicom_pixels.apply_modality_lut(levels, image), "float64")
    shown, low, high = _windowed(image, values, np.where(padding, 0, counts))
    scaled = np.clip((shown - low) / ((high - low) or 1.0), 0, 1)
    if image.PhotometricInterpretation == INVERTED:
        scaled = 1 - scaled
    greys = np.rint(255 * np.where(padding, 0, scaled)).astype(np.uint8)
    beyond = (levels >= 2 ** int(image.BitsStored)) & ~padding & (counts > 0)
    return np.concatenate([greys[places(block)] for block in blocks]), bool(beyond.any())


def _stored(image: "pydicom.Dataset") -> np.ndarray:
    """Return the stored values (H, W); of an unknown compression, or one without a decoder here, a NotImplementedError."""
    syntax = image.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated or syntax in (uid.RLELossless, uid.JPEGBaseline8Bit):  # whose stream was looked through
        plugin = "pillow" if syntax == uid.JPEGBaseline8Bit else ""
        # Above the stored bits stand those of an overlay, or of a sign; else nothing, or the value of the padding.
        correct = bool(image.PixelRepresentation) or _OVERLAY_BIT in image
        return dicom_pixels.pixel_array(image, decoding_plugin=plugin, correct_unused_bits=correct)
    if not dicom_pixels.get_decoder(syntax).is_available:
        raise NotImplementedError
    frame = image.group_dataset(0x28)  # rows, columns, bits
    frame["PixelData"], frame.file_meta = image["PixelData"], image.file_meta
    frame.save_as(content := io.BytesIO(), enforce_file_format=False)
    command = [sys.executable, "-P", "-c", _DECODE]
    done = subprocess.run(command, input=content.getvalue(), capture_output=True, check=True, timeout=_PATIENCE)
    return np.load(io.BytesIO(done.stdout), allow_pickle=False)


def _padding(image: "pydicom.Dataset", levels: np.ndarray) -> np.ndarray:
    """Return which stored values (N,) fill up what is no image, as the file says."""
    if (value := image.get("PixelPaddingValue")) is None:
        return np.zeros(len(levels), bool)
    limit = image.get("PixelPaddingRangeLimit")
    ends = sorted((int(value), int(value if limit is None else limit)))
    return (levels >= ends[0]) & (levels <= ends[1])


def _windowed(image: "pydicom.Dataset", values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return rescaled values (N,) as the first table or window shows them, and what is shown black and white."""
    table = (image.get("VOILUTSequence") or [{}])[0]
    if None not in (table.get("LUTDescriptor"), table.get("LUTData")):
        number, first, bits = (int(part) for part in table.LUTDescriptor)
        entries = _entries(table.LUTData, number or 65_536, bits)
        # Some devices name more bits than their entries have (Agfa), so that the largest entry is white.
        return entries[np.clip(values - first, 0, len(entries) - 1).astype(int)], 0.0, float(entries.max())
    if _has_window(image):
        # Of a falling rescale (slope < 0) the first end is the larger one.
        shown = dicom_pixels.apply_windowing(np.append(values, [-np.inf, np.inf]), image, index=0)
        if np.isfinite(shown).all():
            return shown[:-2], *map(float, shown[-2:])
    if int(image.BitsStored) == 8 and not image.PixelRepresentation and values[0] >= 0 and (np.diff(values) == 1).all():
        return values, 0.0, 255.0
    return values, *extremes(values, counts)


def _has_window(image: "pydicom.Dataset") -> bool:
    """Tell whether the file has a first window; one of no width (which some devices write) shows nothing and is none."""
    centre, width = (np.ravel(image.get(tag) if image.get(tag) is not None else []) for tag in ("WindowCenter", "WindowWidth"))
    if not len(centre) or not len(width) or centre[0] is None or width[0] is None:
        return False
    return float(width[0]) >= 1 or float(width[0]) > 0 and str(image.get("VOILUTFunction") or "LINEAR").upper() != "LINEAR"


def _entries(data: object, number: int, bits: int) -> np.ndarray:
    """Return a table's output values; those of 8 bits may be packed, two in a word (DICOM PS3.3, C.11.2.1.1)."""
    content = data if isinstance(data, bytes) else np.asarray(data, "<u2").tobytes()
    packed = bits <= 8 and len(content) < 2 * number
    return np.frombuffer(content, np.uint8 if packed else "<u2")[:number].astype("float64")


def _check_compressed(radiograph: "pydicom.Dataset") -> None:
    """Refuse a frame that unpacks to another size than the file claims: a decoder would make it all the same."""
    frame = encaps.get_frame(radiograph.PixelData, 0, number_of_frames=1)
    rows, columns = int(radiograph.Rows), int(radiograph.Columns)
    syntax = radiograph.file_meta.TransferSyntaxUID
    if syntax == uid.RLELossless:
        count, *offsets = struct.unpack("<16L", frame[:64])
        ends = [*offsets[1:count], len(frame)]
        fits = all(_fits(frame[start:end], rows * columns) for start, end in zip(offsets[:count], ends, strict=True))
    elif syntax == uid.JPEGBaseline8Bit:
        fits = jpeg_fits(frame, columns, rows)
    else:
        try:
            with Image.open(io.BytesIO(frame)) as image:
                fits = image.size == (columns, rows)
        except OSError:  # a compression that Pillow does not know; the decoder that does looks itself
            fits = True
    if not fits or syntax != uid.RLELossless and not frame.rstrip(b"\0\xff").endswith(b"\xff\xd9"):
        raise NoImage("a damaged DICOM file")


def _fits(segment: bytes, most: int) -> bool:
    """Tell whether an RLE segment (DICOM PS3.5, annex G) unpacks to no more than so many bytes, and one to pad them."""
    place = unpacked = 0
    while place < len(segment) and unpacked <= most + 1:
        count = segment[place]  # below 128 so many bytes and one follow; above, one byte stands for 257 less so many
        unpacked += count + 1 if count < 128 else 257 - count if count > 128 else 0
        place += count + 2 if count < 128 else 2 if count > 128 else 1
    return unpacked <= most + 1
