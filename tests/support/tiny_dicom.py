"""A small DICOM file, made as a test wants it."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian

RAMP = np.tile(np.linspace(0, 4095, 40).round().astype("uint16"), (36, 1))  # 12 bits


def image(values: np.ndarray = RAMP, photometric: str = "MONOCHROME2", syntax=ExplicitVRLittleEndian, **tags) -> bytes:
    """Return a DICOM file of 12-bit values."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    made = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    made.PatientName, made.PatientID, made.Modality = "Doe^Jane", "4711", "CR"
    made.Rows, made.Columns = values.shape[-2:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, photometric
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    content = values.astype("<u2").tobytes()
    made.PixelData = encapsulate([content]) if syntax.is_compressed else content
    for name, value in tags.items():
        setattr(made, name, value)
    target = io.BytesIO()
    pydicom.dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()


def stored_as(data: bytes, syntax: str) -> bytes:
    """Return a DICOM file of another transfer syntax, by GDCM's name ("JPEGLosslessProcess14_1"), with the same values."""
    gdcm = pytest.importorskip("gdcm")
    made = pydicom.dcmread(io.BytesIO(data))
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    with tempfile.TemporaryDirectory() as folder:
        plain, other = (str(Path(folder) / name) for name in ("plain.dcm", "other.dcm"))
        pydicom.dcmwrite(plain, made)
        reader.SetFileName(plain)
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(other)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return Path(other).read_bytes()
