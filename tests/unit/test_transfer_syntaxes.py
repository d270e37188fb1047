"""DICOM files as archives store them: the published model's probability for each is that of its uncompressed twin."""

import collections
import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from tiny_dicom import image, stored_as

from cxr_helpers.extras.inference import predict
from cxr_helpers.extras.other_sets import synthetic

pytest.importorskip("gdcm", reason="python-gdcm is not installed")

SYNTAXES = {  # GDCM's name -> the end of the UID
    "ImplicitVRLittleEndian": ".1.2",
    "ExplicitVRBigEndian": ".1.2.2",
    "RLELossless": ".1.2.5",
    "JPEGBaselineProcess1": ".4.50",
    "JPEGExtendedProcess2_4": ".4.51",
    "JPEGLosslessProcess14": ".4.57",
    "JPEGLosslessProcess14_1": ".4.70",
    "JPEGLSLossless": ".4.80",
    "JPEGLSNearLossless": ".4.81",
    "JPEG2000Lossless": ".4.90",
    "JPEG2000": ".4.91",
}
TWINS = {  # of pydicom's own files: the one that is compressed -> the plain one
    "MR_small_RLE.dcm": "MR_small.dcm",
    "MR_small_jp2klossless.dcm": "MR_small.dcm",
    "MR_small_jpeg_ls_lossless.dcm": "MR_small.dcm",
    "MR_small_bigendian.dcm": "MR_small.dcm",
    "MR_small_expb.dcm": "MR_small.dcm",
    "MR_small_implicit.dcm": "MR_small.dcm",
}


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Write a radiograph's DICOM file of 12 bits and its twin of 8 bits in every transfer syntax; return the paths."""
    folder, found = tmp_path_factory.mktemp("twins"), {}
    drawn = cv2.resize(synthetic.image(3, "PNEUMONIA").image, (320, 288), interpolation=cv2.INTER_CUBIC)
    eight = pydicom.dcmread(io.BytesIO(image(drawn, BitsAllocated=8, BitsStored=8, HighBit=7)))
    eight.PixelData = drawn.tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, eight)
    twelve = image(drawn.astype(np.uint16) * 16, WindowCenter=2048, WindowWidth=4096)
    for bits, plain in (("8", buffer.getvalue()), ("12", twelve)):
        found[bits, "plain"] = folder / f"plain{bits}.dcm"
        found[bits, "plain"].write_bytes(plain)
        for name, end in SYNTAXES.items():
            if (bits, name) == ("12", "JPEGBaselineProcess1"):  # has 8 bits
                continue
            data = stored_as(plain, name)
            assert pydicom.dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID.endswith(end)
            found[bits, name] = folder / f"{name}{bits}.dcm"
            found[bits, name].write_bytes(data)
    return found


def test_every_transfer_syntax_has_the_probability_of_its_plain_twin(twins):
    answers = dict(zip(twins, predict.predict(twins.values()), strict=True))
    assert not [answer.problem for answer in answers.values() if answer.problem]
    for (bits, name), answer in answers.items():
        assert abs(answer.probability - answers[bits, "plain"].probability) < 0.01, (bits, name)


def test_pydicoms_own_files_have_the_probability_of_their_plain_twins():
    paths = {name: get_testdata_file(name, download=False) for name in {*TWINS, *TWINS.values()}}
    answers = dict(zip(paths, predict.predict(paths.values()), strict=True))
    for name, plain in TWINS.items():
        assert abs(answers[name].probability - answers[plain].probability) < 0.01, name
        assert "by its tags (Modality MR)" in answers[name].warning


def is_grey_frame(path: Path) -> bool:
    """Tell whether pydicom itself makes one grey picture, no smaller than is answered, of a file."""
    try:
        with warnings.catch_warnings(action="ignore"):
            data = pydicom.dcmread(path, force=True)
            pixels = data.pixel_array
        return pixels.ndim == 2 and data.PhotometricInterpretation.startswith("MONO") and min(pixels.shape) >= 32
    except Exception:  # of a report, a plan or a damaged file it makes none
        return False


def test_every_file_of_pydicom_with_a_grey_frame_has_an_answer_and_every_other_one_a_reason():
    paths = sorted(Path(get_testdata_file("CT_small.dcm", download=False)).parent.rglob("*.dcm"))
    answers = predict.predict(paths)
    answered = {answer.path.name for answer in answers if not answer.problem}
    twelve_bits = {"JPEG-lossy.dcm", "JPGExtended.dcm"}  # which pydicom does not ask GDCM for
    whole = {"image_dfl.dcm"}  # deflated as a whole, which may unpack to any size: it is refused
    assert answered == {path.name for path in paths if is_grey_frame(path)} - whole | twelve_bits
    reasons = collections.Counter(answer.problem.partition(": ")[2].partition("; ")[0] for answer in answers if answer.problem)
    print(f"{len(paths)} files of pydicom: {len(answered)} answered; {dict(reasons)}")
    assert len(paths) > 70 and len(answered) >= 17 and not any("cannot be decoded" in reason for reason in reasons)
    assert all("by its tags (Modality" in answer.warning for answer in answers if not answer.problem)  # CT, MR, NM, SEG
