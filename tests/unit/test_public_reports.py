"""What people complained of in public about tools of this kind, each by repository and number, with the right value here.

A number is that of an issue or pull request on GitHub; the test does what its author did, to this project's own functions.

Sought twice, and not found in the stored threads, so that nothing here is claimed of them: mlmed/torchxrayvision#161,
pydicom/pydicom#614 and #1440, keras-team/keras#20542, tensorflow/tensorflow#72915, jupyter/nbconvert#1035 and #2170.
"""

import io
import json
import sys
from collections.abc import Callable

import cv2
import keras
import numpy as np
import pandas as pd
import pydicom
import pytest
import tiny_images
from checkouts import write_chapter
from PIL import Image
from published_detector import published, rules  # noqa: F401
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import ExplicitVRLittleEndian, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless
from tiny_dicom import RAMP, image, stored_as
from tiny_models import SIDE, detector, nested, two_blobs

from cxr_helpers import cli, paths
from cxr_helpers.base.files import atomic_path
from cxr_helpers.config import Config
from cxr_helpers.data import batches, image_files, splits
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import gradcam
from cxr_helpers.extras.inference import own_images, predict
from cxr_helpers.extras.saliency import shap_gradients
from cxr_helpers.training import fitting
from cxr_helpers.workflow import execution, pipeline

GREY = tiny_images.image(0, 96, 80)
LARGE = tiny_images.image(1, 400, 300)
WINDOW = {"WindowCenter": 2048, "WindowWidth": 1024}
COMPLAINTS: dict[str, str] = {}


def complaint(*references: str) -> Callable:
    """Note which public complaints a test is about."""

    def noted(test):
        for reference in references:
            assert reference not in COMPLAINTS
            COMPLAINTS[reference] = test.__name__
        return test

    return noted


@pytest.fixture
def read(tmp_path):
    def _read(data: bytes) -> image_files.Radiograph:
        (tmp_path / "image").write_bytes(data)
        return image_files.read(tmp_path / "image")

    return _read


@pytest.fixture
def refused(read):
    def _refused(data: bytes) -> str:
        with pytest.raises(image_files.Refused) as refusal:
            read(data)
        return refusal.value.reason

    return _refused


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def jpeg(pixels: np.ndarray = LARGE, progressive: int = 0) -> bytes:
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()


def tiff(pixels: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "TIFF")
    return target.getvalue()


def written(data: Dataset, **options) -> bytes:
    target = io.BytesIO()
    pydicom.dcmwrite(target, data, **options)
    return target.getvalue()


# 16 bits


@complaint("python-pillow/Pillow#2574", "python-pillow/Pillow#3011")
def test_16_bit_grey_png_does_not_turn_white(read):
    np.testing.assert_array_equal(read(png(GREY.astype("uint16") * 257)).pixels, GREY)


@complaint("python-pillow/Pillow#1108")
def test_16_bit_tiff_is_not_clipped_at_255(read):
    np.testing.assert_array_equal(read(tiff(GREY.astype("uint16") * 257)).pixels, GREY)


@complaint("python-pillow/Pillow#5991")
def test_big_endian_16_bit_tiff_keeps_its_greys(read):
    np.testing.assert_array_equal(read(tiff((GREY.astype("uint16") * 257).astype(">u2"))).pixels, GREY)


@complaint("Nerogar/mgds#55", "mlmed/torchxrayvision#9")
def test_the_brightest_of_16_bits_is_as_bright_as_of_8(read):
    deep = GREY.astype("uint16") * 257
    deep[0, 0] = 65_535
    assert read(png(deep)).pixels[0, 0] == 255 and abs(read(png(deep)).pixels.mean() - read(png(GREY)).pixels.mean()) < 0.1


@complaint("open-edge-platform/geti#6388")
def test_16_bits_of_a_narrow_range_are_not_black(read):
    found = read(png((800 + GREY.astype("uint16") * 400 // 255).astype("uint16")))
    assert found.pixels.min() >= 99 and found.pixels.max() >= 125 and "2,047 (white)" in found.note


@complaint("numz/ComfyUI-SeedVR2_VideoUpscaler#637")
def test_16_bit_colour_with_alpha_is_refused_and_not_whitened(refused):
    pixels = np.full((40, 40, 4), 40_000, "uint16")
    assert "lets something through" in refused(png(pixels))
    pixels[..., 3] = 65_535
    assert refused(png(pixels)) == "16-bit colour image"


# channels


@complaint("Project-MONAI/MONAI#970", "Project-MONAI/MONAI#1389", "Project-MONAI/MONAI#3976")
def test_grey_in_one_three_or_four_channels_is_the_same_and_not_turned(read):
    for kind in ("L", "LA", "RGB", "RGBA", "P"):
        target = io.BytesIO()
        Image.fromarray(GREY).convert(kind).save(target, "PNG")
        np.testing.assert_array_equal(read(target.getvalue()).pixels, GREY)


# damaged streams


@complaint("python-pillow/Pillow#2717")
def test_a_truncated_progressive_jpeg_is_no_black_image(refused):
    data = jpeg(progressive=1)
    assert refused(data[: len(data) // 2]) == "truncated" and refused(data[: len(data) // 2] + b"\xff\xd9") != ""


@complaint("opencv/opencv#6468", "opencv/opencv#17862")
def test_a_premature_end_is_an_error_and_no_remark(refused):
    for share in (0.3, 0.6, 0.99):
        assert refused(jpeg()[: int(share * len(jpeg()))]) == "truncated"


@complaint("opencv/opencv#22729", "libvips/libvips#1946")
def test_a_jpeg_without_its_end_marker_is_refused(refused):
    assert refused(jpeg()[:-2]) == "truncated"


@complaint("tensorflow/models#2194", "tensorflow/datasets#2188")
def test_extraneous_bytes_before_the_end_are_named(refused):
    assert "extraneous bytes before marker 0xd9" in refused(jpeg()[:-2] + b"\x12\x34" * 120 + b"\xff\xd9")


@complaint("tensorflow/tensorflow#38901")
def test_another_format_is_named(refused):
    assert refused(cv2.imencode(".bmp", GREY)[1].tobytes()).startswith("BMP file, neither JPEG, PNG, TIFF nor DICOM")


@complaint("pydicom/pydicom#966")
def test_a_broken_jpeg_2000_stream_gives_no_zeros(refused):
    data = pydicom.dcmread(get_testdata_file("MR_small_jp2klossless.dcm", download=False))
    frame = get_frame(data.PixelData, 0, number_of_frames=1)
    data.PixelData = encapsulate([frame[: len(frame) // 3] + b"\xff\xd9"])
    assert "DICOM" in refused(written(data))


# cameras


@complaint("opencv/opencv#4344", "opencv/opencv#8854", "davisking/dlib#1706", "open-mmlab/mmcv#1091")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_stands_upright(read, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    block = exif.tobytes()
    plain, data = read(jpeg()).pixels, jpeg()
    found = read(data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]).pixels
    names = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE"}
    turn = (names | {8: "ROTATE_90"}).get(orientation)
    expected = np.asarray(Image.fromarray(plain).transpose(Image.Transpose[turn])) if turn else plain
    np.testing.assert_array_equal(found, expected)


# DICOM: what is shown


@complaint("mlmed/torchxrayvision#125", "Project-MONAI/monai-deploy-app-sdk#281", "Project-MONAI/monai-deploy-app-sdk#282")
@complaint("Project-MONAI/monai-deploy-app-sdk#290")
def test_monochrome1_comes_with_dense_tissue_bright(read):
    np.testing.assert_array_equal(read(image(photometric="MONOCHROME1")).pixels, 255 - read(image()).pixels)


@complaint("ome/bioformats#3620", "cornerstonejs/cornerstone3D#2215")
def test_a_window_comes_before_the_inversion(read):
    deep = {"BitsStored": 16, "HighBit": 15, "WindowCenter": 30_000, "WindowWidth": 20_000}
    values = RAMP * 16
    found = read(image(values, "MONOCHROME1", **deep)).pixels[0]
    np.testing.assert_allclose(found, 255 * (1 - np.clip((values[0] - 20_000.0) / 20_000, 0, 1)), atol=1)


@complaint("fo-dicom/fo-dicom#816")
def test_8_bit_grey_is_not_black(read):
    values = np.tile(np.arange(40, 120, 2, dtype="uint8"), (36, 1))
    made = pydicom.dcmread(io.BytesIO(image(values, BitsAllocated=8, BitsStored=8, HighBit=7)))
    made.PixelData = values.tobytes()
    np.testing.assert_array_equal(read(written(made)).pixels, values)


def table(entries: np.ndarray, bits: int, kind: str = "<u2") -> Dataset:
    made = Dataset()
    made.LUTDescriptor, made.LUTData = [len(entries), 0, bits], entries.astype(kind).tobytes()
    made["LUTDescriptor"].VR = "US"
    return made


@complaint("pydicom/pydicom#1073")
def test_a_voi_table_of_bytes_is_followed(read):
    found = read(image(VOILUTSequence=[table(4095 - np.arange(4096), 12)])).pixels[0]
    np.testing.assert_allclose(found, 255 * (1 - RAMP[0] / 4095), atol=1)


@complaint("pydicom/pydicom#1235", "pydicom/pydicom#1183")
def test_a_rescale_of_1_and_0_before_a_table_changes_nothing(read):
    tags = {"VOILUTSequence": [table(4095 - np.arange(4096), 12)]}
    plain = read(image(**tags)).pixels
    np.testing.assert_array_equal(read(image(RescaleSlope=1, RescaleIntercept=0, **tags)).pixels, plain)


@complaint("cornerstonejs/cornerstone3D#2856")
def test_a_table_of_packed_bytes_is_not_read_in_pairs(read):
    found = read(image(VOILUTSequence=[table(255 - np.arange(4096) // 16, 8, "u1")])).pixels[0]
    np.testing.assert_allclose(found, 255 - RAMP[0] // 16, atol=1)


@complaint("Enet4/dicom-rs#825")
def test_a_table_that_names_more_bits_than_it_uses_is_not_dark(read):
    assert read(image(VOILUTSequence=[table(np.arange(4096), 16)])).pixels.max() == 255


@complaint("pydicom/pydicom#942")
def test_a_descriptor_of_signed_numbers_still_counts_its_entries(read):
    made = table(np.arange(4096) * 16, 16)
    made["LUTDescriptor"].VR = "SS"
    tags = {"ModalityLUTSequence": [made], "WindowCenter": 2**15, "WindowWidth": 2**16}
    np.testing.assert_allclose(read(image(PixelRepresentation=0, **tags)).pixels[0], RAMP[0] / 4095 * 255, atol=1)


@complaint("dcm4che/dcm4che#1513")
def test_the_window_of_1_and_0_makes_an_inverted_image_black(read):
    found = read(image(RAMP + 1, "MONOCHROME1", WindowCenter=0, WindowWidth=1)).pixels
    assert found.max() == 0


@complaint("pydicom/pydicom#1554")
def test_several_windows_and_none_give_an_image(read):
    several = read(image(WindowCenter=[2048, 100], WindowWidth=[1024, 10])).pixels
    np.testing.assert_array_equal(several, read(image(**WINDOW)).pixels)
    assert read(image()).pixels.max() == 255


@complaint("dgobbi/vtk-dicom#173")
def test_padding_is_black_after_a_rescale_too(read):
    values = RAMP.copy()
    values[:5] = 63
    found = read(image(values, PixelPaddingValue=63, RescaleSlope=-1, RescaleIntercept=4095)).pixels
    assert (found[:5] == 0).all()
    np.testing.assert_array_equal(found[5:], 255 - read(image()).pixels[5:])


@complaint("pydicom/pydicom#205")
def test_a_palette_of_colours_is_refused_by_its_kind(refused):
    assert refused(image(photometric="PALETTE COLOR")) == "a DICOM file that is no single grey frame"


# DICOM: what can be read


@complaint("pydicom/pydicom#150", "pydicom/pydicom#340")
def test_a_file_without_the_marker_is_read(read):
    np.testing.assert_array_equal(read(image()[132:]).pixels, read(image()).pixels)


@complaint("pydicom/pydicom#78", "pydicom/pydicom#860")
@pytest.mark.parametrize("implicit", [True, False])
def test_a_file_without_meta_information_is_read(read, implicit):
    made = pydicom.dcmread(io.BytesIO(image()))
    made.file_meta, made.preamble = FileMetaDataset(), None
    found = read(written(made, implicit_vr=implicit, little_endian=True, enforce_file_format=False)).pixels
    np.testing.assert_array_equal(found, read(image()).pixels)


LOSSLESS = {"JPEGLosslessProcess14": JPEGLossless, "JPEGLosslessProcess14_1": JPEGLosslessSV1, "JPEGLSLossless": JPEGLSLossless}


@complaint("pydicom/pydicom#532", "pydicom/pydicom#1282", "pydicom/deid#64", "pydicom/pydicom#1061", "pydicom/pydicom#813")
@complaint("pydicom/pydicom#1053")
@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_compressions_give_the_plain_pixels(read, name):
    data = stored_as(image(), name)
    assert pydicom.dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID == LOSSLESS[name] != ExplicitVRLittleEndian
    np.testing.assert_array_equal(read(data).pixels, read(image()).pixels)


@complaint("pydicom/pydicom#2008", "pydicom/pydicom#2010")
@pytest.mark.parametrize("bits", [6, 7, 8])
def test_jpeg_ls_of_few_bits_is_right_or_refused(read, bits):
    values = np.tile(np.arange(64, dtype="uint16") << bits - 6, (40, 1))
    whole = image(values, BitsStored=bits, HighBit=bits - 1)
    made = pydicom.dcmread(io.BytesIO(stored_as(whole, "JPEGLSLossless")))
    made.BitsAllocated = 16
    try:
        np.testing.assert_array_equal(read(written(made)).pixels, read(whole).pixels)
    except image_files.Refused as refusal:
        assert bits < 8 and refusal.reason == "a damaged DICOM file"


# predictions


@complaint("mlmed/torchxrayvision#89")
def test_two_images_have_two_answers(published, tmp_path):  # noqa: F811
    (tmp_path / "dark.png").write_bytes(png(np.full((64, 64), 60, "uint8")))
    (tmp_path / "bright.dcm").write_bytes(image(np.full((64, 64), 4000, "uint16"), **WINDOW))
    dark, bright = predict.predict([tmp_path / "dark.png", tmp_path / "bright.dcm"], published)
    assert dark.probability < 0.5 < bright.probability and bright.probability - dark.probability > 0.5


@complaint("mlmed/torchxrayvision#151", "mlmed/torchxrayvision#138", "mlmed/torchxrayvision#175")
def test_the_threshold_is_shown_beside_the_probability_and_the_class_follows_it(published, tmp_path):  # noqa: F811
    (tmp_path / "bright.png").write_bytes(png(np.full((64, 64), 200, "uint8")))
    (answer,) = predict.predict([tmp_path / "bright.png"], published)
    card = json.loads((published / "default.json").read_text())
    (published / "default.json").write_text(json.dumps(card | {"threshold": answer.probability + 0.01}))
    (stricter,) = predict.predict([tmp_path / "bright.png"], published)
    assert (answer.label, stricter.label) == ("PNEUMONIA", "NORMAL") and stricter.probability == answer.probability
    heading, row = predict.written([stricter]).splitlines()
    assert "operating point" in heading and f"{answer.probability + 0.01:.3f}" in row


@complaint("mlmed/torchxrayvision#152")
def test_a_picture_of_colours_is_answered_with_a_warning(published, tmp_path):  # noqa: F811
    grey = cv2.resize(GREY, (160, 160))
    (tmp_path / "film.png").write_bytes(png(np.stack([grey // 3, grey, grey], axis=-1)))
    (answer,) = predict.predict([tmp_path / "film.png"], published)
    assert answer.label and "is in colour (a photograph?): its answer may mean nothing" in answer.warning


@complaint("martinus/oans#202", "andrebrait/DATROMTool#38", "jline/jline3#2200")
def test_a_name_cannot_drive_the_terminal(published, tmp_path, monkeypatch, capfd):  # noqa: F811
    name = "a\x1b]0;pwned\x07\r.png"
    (tmp_path / name).write_bytes(png(GREY))
    (tmp_path / f"no {name}").write_bytes(b"no image")
    words = ["cxr", "predict", str(tmp_path / name), str(tmp_path / f"no {name}"), "--model", str(published)]
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path / "maps")])
    with pytest.raises(SystemExit):
        cli.main()
    said = "".join(capfd.readouterr())
    assert "a\\x1b]0;pwned\\x07\\r.png" in said and not set(said) & {"\x1b", "\x07", "\r"}


# patients and tables


@complaint("mlmed/torchxrayvision#2", "Lightning-Universe/lightning-Covid19#11", "UCSD-AI4H/COVID-CT#11")
def test_no_patient_is_in_two_parts():
    rows = [{"patient_id": f"p{number // 3}", "y_true": number // 3 % 2} for number in range(300)]
    images = pd.DataFrame(rows).assign(image_id=[f"i{number}" for number in range(300)], folder="train")
    images["label"] = images.y_true.map({0: "NORMAL", 1: "PNEUMONIA"})
    for protocol in ("rahman_919_by_patient", "patient_cv_0"):
        split = splits.make(images, protocol)
        assert split.groupby("patient_id").split.nunique().eq(1).all() and split.split.nunique() == 3


@complaint("pandas-dev/pandas#10647", "pandas-dev/pandas#54665", "browser-use/workflow-use#174")
def test_patients_keep_their_names(tmp_path):
    names = ["NA", "NULL", "012", "12", "12.0", "1e5"]
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(png(tiny_images.image(number)))
    lines = [f"{number}.png,{number % 2},{name}" for number, name in enumerate(names)]
    (tmp_path / "t.csv").write_text("\n".join(["path,label,patient_id", *lines]))
    assert own_images.read(tmp_path / "t.csv").patient_id.tolist() == ["NA", "NULL", "012", "12", "12", "1e5"]


# training and maps


@complaint("keras-team/keras#198", "keras-team/keras#9038", "keras-team/keras#4848", "keras-team/keras#6747")
def test_a_loss_that_is_no_number_ends_the_training():
    config = Config("custom_cnn", size=SIDE, epochs=3, optimizer="sgd", learning_rate=1e30)
    pixels = np.stack([np.full((SIDE, SIDE), grey, "uint8") for grey in (0, 255) * 4])
    model = detector(channels=1)
    fitting.compile_model(model, config, 3)
    train = batches.Batches(pixels, np.arange(8), batches.targets(np.arange(8) % 2, 1), 4, seed=0)
    with pytest.raises(CxrError, match="the loss is no number .* nothing is stored; lower learning_rate"):
        fitting.timed_fit(model, config, train, None)


@complaint("keras-team/keras#21771")
def test_a_loss_that_is_no_number_leaves_the_epochs_before_it(tmp_path):
    config, model = Config("custom_cnn", size=SIDE, epochs=3, optimizer="sgd"), detector()
    pixels = np.stack([np.full((SIDE, SIDE), grey, "uint8") for grey in (100, 150) * 4])

    def spoil(epoch, logs=None):
        if epoch == 1:
            model.set_weights([np.full_like(each, np.nan) for each in model.get_weights()])

    fitting.compile_model(model, config, 3)
    train = batches.Batches(pixels, np.arange(8), batches.targets(np.arange(8) % 2, 1), 4, seed=0)
    kept, spoiling = fitting.Kept(tmp_path / "cut.npz", model), keras.callbacks.LambdaCallback(on_epoch_begin=spoil)
    with pytest.raises(CxrError, match="after epoch 2 the loss is no number"):
        fitting.timed_fit(model, config, train, None, [spoiling], kept=kept)
    again = detector()
    fitting.compile_model(again, config, 3)
    again.optimizer.build(again.trainable_variables)
    assert fitting.Kept(tmp_path / "cut.npz", again).first_epoch(3) == 1


@complaint("brucechou1983/CheXNet-Keras#48")
@pytest.mark.parametrize(("row", "column"), [(4, 4), (4, 24), (24, 4), (24, 24)])
def test_the_peak_of_a_map_follows_what_is_seen_and_is_in_no_corner_of_its_own(row, column):
    seen = np.full((1, SIDE, SIDE), 127, "uint8")
    seen[0, row : row + 4, column : column + 4] = 254
    found = gradcam.gradcam(detector(), seen, gradcam.PNEUMONIA)[0]
    assert np.argwhere(found == found.max()).mean(axis=0) == pytest.approx([row + 1.5, column + 1.5], abs=3)


@complaint("jacobgil/pytorch-grad-cam#325", "sicara/tf-explain#73", "Project-MONAI/MONAI#5530")
def test_one_unit_has_a_map_for_either_class():
    seen = two_blobs()[None]
    ill, normal = (gradcam.gradcam(detector(), seen, target)[0] for target in (gradcam.PNEUMONIA, gradcam.NORMAL))
    assert ill[8, 8] == ill.max() > 0 == ill[24, 20] and normal[24, 20] == normal.max() > 0 == normal[8, 8]


@complaint("tensorflow/tensorflow#44462", "tensorflow/tensorflow#44608", "keisen/tf-keras-vis#63", "keisen/tf-keras-vis#71")
def test_a_network_within_a_network_has_the_map_of_the_flat_one():
    seen = two_blobs()[None]
    for target in (gradcam.PNEUMONIA, gradcam.NORMAL):
        flat = gradcam.gradcam(detector(), seen, target)
        assert flat.max() == 1
        np.testing.assert_allclose(gradcam.gradcam(nested(), seen, target), flat, atol=1e-5)


@complaint("shap/shap#1406", "shap/shap#1761")
def test_gradients_of_shap_know_slices_and_batch_normalisation():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.BatchNormalization()(keras.layers.Cropping2D(1)(inputs))
    x = keras.layers.GlobalMaxPooling2D()(keras.layers.Conv2D(2, 3)(x))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    maps = shap_gradients.gradients(model, np.random.default_rng(0).integers(0, 256, (1, 8, 8)).astype("uint8"), 1)
    assert np.isfinite(maps).all() and maps[:, [0, -1]].max() == 0 < np.abs(maps).max()


@complaint("jacobgil/pytorch-grad-cam#107", "raghakot/keras-vis#35", "frgfm/torch-cam#186")
def test_a_map_of_nothing_is_zero_and_not_nan():
    maps = gradcam.gradcam(detector(), np.full((1, SIDE, SIDE), 127, "uint8"), 1)
    assert np.isfinite(maps).all() and maps.max() == 0


@complaint("nteract/papermill#245", "nteract/papermill#701")
def test_a_parameter_that_a_chapter_does_not_set_is_refused(workplace, monkeypatch):
    monkeypatch.setattr(paths, "NOTEBOOKS", workplace / "notebooks")
    write_chapter(workplace / "notebooks", "01_eda", "print(profile)")
    with pytest.raises(CxrError, match="Chapter 01_eda has no parameter `alpha`; its cell tagged `parameters` sets profile"):
        execution.execute("01_eda", "smoke", {"alpha": 0.1})


@complaint("nteract/papermill#478", "nteract/papermill#125", "nteract/papermill#476", "nteract/papermill#474")
@pytest.mark.parametrize(("cell", "words"), [("import os; os._exit(1)", "lost its kernel"), ("1 / 0", "cell . failed with Z")])
def test_a_kernel_that_dies_is_told_from_a_cell_that_fails(workplace, monkeypatch, cell, words):
    monkeypatch.setattr(paths, "NOTEBOOKS", workplace / "notebooks")
    write_chapter(workplace / "notebooks", "01_eda", cell)
    with pytest.raises(CxrError, match=f"01_eda,? .*{words}"):
        execution.execute("01_eda", "smoke")


# workflow


@complaint("snakemake/snakemake#2919", "EichlerLab/smrtsv2#18")
def test_a_lock_that_a_killed_run_left_locks_nothing(workplace, monkeypatch):
    monkeypatch.setenv("CXR_BUILD_DIR", str(workplace / "build"))
    for _ in range(2):  # the file stays, as after a kill
        with pipeline._alone("smoke"):
            with pytest.raises(CxrError, match="Another run is making the smoke report"), pipeline._alone("smoke"):
                pass
    assert (paths.build("smoke") / "workflow.lock").exists()


@complaint("snakemake/snakemake#1871", "snakemake/snakemake#3808")
def test_a_file_whose_making_is_interrupted_is_not_there(tmp_path):
    (tmp_path / "old").write_text("old")
    for name in ("new", "old"):
        with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / name) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["old"] and (tmp_path / "old").read_text() == "old"


def test_the_complaints_are_at_least_forty():
    assert len(COMPLAINTS) >= 40 and all("#" in reference and "/" in reference for reference in COMPLAINTS)
