"""Images in DICOM files: grey values worked out by hand, what is no single grey frame refused, nothing of the patient let out."""

import io
import re

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless
from tiny_dicom import RAMP, image

from cxr_helpers.data import image_files


def compressed(values: np.ndarray, rows: int) -> bytes:
    """Return an RLE-compressed DICOM file that claims so many rows."""
    made = pydicom.dcmread(io.BytesIO(image(values)))
    made.compress(RLELossless)
    made.Rows = rows
    target = io.BytesIO()
    pydicom.dcmwrite(target, made)
    return target.getvalue()


def lut(entries: np.ndarray, bits: int) -> Dataset:
    """Return a table of values, 16-bit words of which so many bits count."""
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [len(entries), 0, bits], entries.astype("<u2").tobytes()
    table["LUTDescriptor"].VR = "US"
    return table


@pytest.fixture
def read(tmp_path):
    def _read(data: bytes) -> np.ndarray:
        (tmp_path / "image.dcm").write_bytes(data)
        return image_files.read(tmp_path / "image.dcm").pixels

    return _read


def test_without_a_window_the_whole_range_is_shown(read):
    found = read(image(RAMP // 2))  # the highest value is half of what the bits hold, and still white
    assert found.dtype == np.uint8 and found.shape == RAMP.shape
    np.testing.assert_allclose(found[0], np.linspace(0, 255, 40), atol=1)


def test_a_compressed_frame_must_be_as_large_as_the_file_says(read):
    tall = np.tile(RAMP, (2, 1))
    np.testing.assert_array_equal(read(compressed(tall, 72)), read(image(tall)))
    with pytest.raises(image_files.Refused, match="damaged DICOM"):
        read(compressed(tall, 36))


def test_monochrome1_is_turned_to_bright_for_dense(read):
    np.testing.assert_array_equal(read(image(photometric="MONOCHROME1")), 255 - read(image()))


def test_a_window_clips_to_black_and_white(read):
    found = read(image(WindowCenter=2048, WindowWidth=1024))[0]
    low, high = 2048 - 512, 2048 + 512
    expected = np.clip((RAMP[0].astype(float) - low) / (high - low), 0, 1) * 255
    np.testing.assert_allclose(found, expected, atol=1)
    assert found[0] == 0 and found[-1] == 255


def test_of_several_windows_the_first_counts(read):
    several = read(image(WindowCenter=[2048, 100], WindowWidth=[1024, 10]))
    np.testing.assert_array_equal(several, read(image(WindowCenter=2048, WindowWidth=1024)))


def test_a_window_is_in_rescaled_units(read):
    rescaled = image(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=2 * 2048 - 1000, WindowWidth=2 * 1024)
    np.testing.assert_allclose(read(rescaled), read(image(WindowCenter=2048, WindowWidth=1024)), atol=1)


def test_a_table_of_values_of_interest_is_followed(read):
    found = read(image(VOILUTSequence=[lut(np.arange(4095, -1, -1), 12)]))
    np.testing.assert_allclose(found[0], 255 * (1 - RAMP[0] / 4095), atol=1)


WINDOW = {"WindowCenter": 2048, "WindowWidth": 1024}
NO_WINDOW = {
    "both empty": {"WindowCenter": None, "WindowWidth": None},
    "empty width": {"WindowCenter": 100, "WindowWidth": None},
    "no centre": {"WindowWidth": 1024},
    "no table": {"VOILUTSequence": []},
    "an empty table": {"VOILUTSequence": [Dataset()]},
}


@pytest.mark.parametrize("tags", NO_WINDOW.values(), ids=NO_WINDOW.keys())
def test_a_window_or_table_that_says_nothing_is_none(read, tags):
    np.testing.assert_array_equal(read(image(RAMP // 2, **tags)), read(image(RAMP // 2)))


def test_where_there_is_no_table_the_window_counts(read):
    np.testing.assert_array_equal(read(image(VOILUTSequence=[], **WINDOW)), read(image(**WINDOW)))


def test_a_slope_without_an_intercept_is_no_rescale(read):
    np.testing.assert_array_equal(read(image(RescaleSlope=2, **WINDOW)), read(image(**WINDOW)))


def test_the_modality_s_table_says_what_a_window_stretches_to(read):
    table = lut(np.arange(4096) * 16, 16)  # 16 bits of the 12 that are stored
    found = read(image(ModalityLUTSequence=[table], WindowCenter=2**15, WindowWidth=2**16))
    np.testing.assert_allclose(found[0], RAMP[0] / 4095 * 255, atol=1)


def test_a_negative_slope_turns_the_image_with_and_without_a_window(read):
    turned = {"RescaleSlope": -1, "RescaleIntercept": 4095}
    np.testing.assert_array_equal(read(image(**turned)), 255 - read(image()))
    np.testing.assert_allclose(read(image(**turned, **WINDOW)), 255.0 - read(image(**WINDOW)), atol=1)


def test_padding_and_hot_pixels_do_not_set_the_range(read):
    values = RAMP.astype("int16")
    values[:6] = -32_768
    values[10, 5] = 32_767
    tags = {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1}
    plain = read(image())
    for more in ({}, {"PixelPaddingValue": -32_768}):
        found = read(image(values, **tags, **more))
        assert (found[:6] == 0).all()
        np.testing.assert_array_equal(found[11:], plain[11:])


def test_padding_is_black_in_an_inverted_image_too(read):
    values = RAMP.copy()
    values[:6] = 4095
    assert (read(image(values, "MONOCHROME1", PixelPaddingValue=4095))[:6] == 0).all()


@pytest.mark.parametrize(("tags", "words"), [
    ({"Modality": "CT"}, r"no radiograph by its tags \(Modality CT\)"),
    ({"ViewPosition": "LL"}, r"a lateral view by its tags \(ViewPosition LL\)"),
    ({"Modality": "DX", "BodyPartExamined": "hand "}, r"no chest radiograph by its tags \(BodyPartExamined HAND\)"),
    ({"ViewPosition": "PA", "Modality": "DX", "BodyPartExamined": "CHEST"}, "^$"),
    ({"Modality": "Doe^Jane"}, "^$"),
])  # fmt: skip
def test_tags_warn_in_words_of_a_closed_list(tmp_path, tags, words):
    (tmp_path / "image.dcm").write_bytes(image(**tags))
    assert re.search(words, image_files.read(tmp_path / "image.dcm").warning)


def test_a_file_without_preamble_is_read(read):
    np.testing.assert_array_equal(read(image()[132:]), read(image()))


def test_a_window_of_no_width_is_none(read):
    np.testing.assert_array_equal(read(image(WindowCenter=2048, WindowWidth=0)), read(image()))


def test_a_packed_table_of_8_bits_is_followed(read):
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 8], (255 - np.arange(4096) // 16).astype("uint8").tobytes()
    table["LUTDescriptor"].VR = "US"
    found = read(image(VOILUTSequence=[table]))
    np.testing.assert_allclose(found[0], 255 - RAMP[0] // 16, atol=1)


def test_a_frame_cut_in_half_is_refused_although_its_end_is_put_back(read):
    frame = cv2.imencode(".jpg", np.tile((RAMP // 16).astype("uint8"), (8, 8)))[1].tobytes()
    made = pydicom.dcmread(io.BytesIO(image(np.tile(RAMP, (8, 8)), BitsAllocated=8, BitsStored=8, HighBit=7)))
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    for content, whole in ((frame, True), (frame[: len(frame) // 2] + b"\xff\xd9", False)):
        made.PixelData = encapsulate([content])
        made["PixelData"].is_undefined_length = True
        target = io.BytesIO()
        pydicom.dcmwrite(target, made)
        if whole:
            assert read(target.getvalue()).shape == (288, 320)
        else:
            with pytest.raises(image_files.Refused, match="truncated"):
                read(target.getvalue())


REFUSED = {
    "colour": (image(photometric="RGB"), "no single grey frame"),
    "frames": (image(np.stack([RAMP] * 2), NumberOfFrames=2), "no single grey frame"),
    "compression": (image(syntax=JPEG2000Lossless), "DICOM file"),
    "half a file": (image()[: len(image()) // 2], "damaged DICOM file"),
    "header only": (image()[:132], "DICOM file"),
    "a strip": (image(np.zeros((4, 40), "uint16")), "smaller than"),
}


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_image_is_refused_and_says_nothing_of_the_patient(data, reason, tmp_path):
    (tmp_path / "image.dcm").write_bytes(data)
    with pytest.raises(image_files.Refused, match=reason) as refusal:
        image_files.read(tmp_path / "image.dcm")
    assert "Doe" not in str(refusal.value) and "4711" not in str(refusal.value)


def test_a_image_bears_no_tag(tmp_path):
    (tmp_path / "image.dcm").write_bytes(image())
    assert vars(image_files.read(tmp_path / "image.dcm")).keys() == {"pixels", "mode", "sha256", "warning", "note"}


def test_a_stream_that_ends_the_decoders_process_is_refused_without_a_stray_line(read, capfd):
    pytest.importorskip("gdcm", reason="python-gdcm is not installed")
    made = pydicom.dcmread(get_testdata_file("JPGExtended.dcm", download=False))  # a JPEG of 12 bits
    whole = io.BytesIO()
    pydicom.dcmwrite(whole, made)
    assert read(whole.getvalue()).shape == (1024, 256)
    frame = get_frame(made.PixelData, 0, number_of_frames=1)
    made.PixelData = encapsulate([frame.replace(b"\xff\xda", bytes(33) + b"\xff\xda")])  # GDCM throws where nothing catches it
    spoilt = io.BytesIO()
    pydicom.dcmwrite(spoilt, made)
    with pytest.raises(image_files.Refused, match="damaged DICOM"):
        read(spoilt.getvalue())
    assert capfd.readouterr() == ("", "")


def warning(tmp_path, data: bytes) -> str:
    (tmp_path / "image.dcm").write_bytes(data)
    return image_files.read(tmp_path / "image.dcm").warning


def test_what_contradicts_itself_is_warned_of(tmp_path):
    whole = image(WindowCenter=2048, WindowWidth=1024)
    place = whole.rindex(RAMP.astype("<u2").tobytes())
    assert warning(tmp_path, whole) == warning(tmp_path, whole + bytes(130)) == ""  # padded to a block of a tape
    followed = pydicom.dcmread(io.BytesIO(whole))
    followed.add_new(0x7FE10010, "LO", "MAKER")
    followed.add_new(0xFFFCFFFC, "OB", bytes(range(1, 65)))  # trailing padding
    target = io.BytesIO()
    pydicom.dcmwrite(target, followed)
    assert warning(tmp_path, target.getvalue()) == ""
    moved = whole[: place + 500] + whole[place + 400 :]  # a hundred bytes are there twice
    assert "goes on behind its pixels" in warning(tmp_path, moved)
    assert "more bits than it says" in warning(tmp_path, whole[: place + 51] + b"\xff" + whole[place + 52 :])
    assert warning(tmp_path, image(RAMP.astype("<i2") - 2048, PixelRepresentation=1)) == ""
    outside = np.where(RAMP < 300, 63_536, RAMP)  # -2000, around a round field of view
    padded = image(outside, PixelPaddingValue=63_536)
    assert warning(tmp_path, padded) == "" and (image_files.read(tmp_path / "image.dcm").pixels[RAMP < 300] == 0).all()
    overlaid = pydicom.dcmread(io.BytesIO(image(RAMP + np.where(RAMP % 2, 2**15, 0).astype("uint16"))))
    overlaid.add_new((0x6000, 0x0102), "US", 15)  # where the overlay is, as computed radiography had it
    target = io.BytesIO()
    pydicom.dcmwrite(target, overlaid)
    assert warning(tmp_path, target.getvalue()) == ""
    np.testing.assert_array_equal(image_files.read(tmp_path / "image.dcm").pixels, np.rint(RAMP / 4095 * 255).astype("uint8"))
    assert "one half of its window" in warning(tmp_path, image(WindowWidth=1024))
