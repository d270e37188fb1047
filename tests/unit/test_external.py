"""The external set is read as its metadata.csv says, and refused in one sentence where that is not possible."""

import numpy as np
import pandas as pd
import pytest
import tiny_external
from PIL import ExifTags, Image
from tiny_dicom import image as dicom_image
from tiny_images import image, save

from cxr_helpers.data import image_files
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import adult_images, masked_images


@pytest.fixture
def root(tmp_path):
    return tiny_external.write(tmp_path)


def change(root, **columns):
    table = pd.read_csv(root / "metadata.csv", dtype=str, keep_default_na=False)
    table.assign(**columns).to_csv(root / "metadata.csv", index=False)


def test_images_carry_label_patient_and_name(root):
    table = adult_images.images(root)
    assert table.image_id.tolist() == ["a", "b", "c"]
    assert table.y_true.tolist() == [1, 0, 1] and table.patient_id.tolist() == ["8", "007", "8"]  # text, as written
    assert set(table.split) == {"external"} and table.lung_mask.tolist() == ["lung_masks/a.png", "", ""]


def test_image_and_mask_have_one_size(root):
    pixels = image_files.read(root / "images/a.jpg").pixels
    lungs = masked_images.read_mask(root / "lung_masks/a.png", pixels.shape) >= masked_images.WHITE
    assert pixels.shape == lungs.shape == (40, 48) and pixels.dtype == np.uint8
    assert lungs[:, :24].all() and not lungs[:, 24:].any()


def test_a_mask_is_compared_with_the_image_as_it_is_read(root, monkeypatch):
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(root))
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    Image.fromarray(image(0, 40, 48)).save(root / "images" / "a.jpg", exif=turned)  # a quarter turn makes it 48 wide
    (adult,) = masked_images.adults()
    assert adult.pixels.shape == adult.masks.shape[:2] == (40, 48)
    (root / "images" / "a.jpg").write_bytes(dicom_image(np.tile(np.arange(48) * 80, (40, 1))))
    (adult,) = masked_images.adults()
    assert adult.pixels.shape == adult.masks.shape[:2] == (40, 48)


def test_the_folder_comes_from_the_environment(root, monkeypatch):
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(root))
    assert adult_images.folder() == root
    monkeypatch.delenv("CXR_EXTERNAL_DIR")
    assert adult_images.folder() is None
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(root / "nowhere"))
    with pytest.raises(CxrError, match="CXR_EXTERNAL_DIR=.*nowhere is no folder"):
        adult_images.folder()


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"label": ["NORMAL", "COVID", "NORMAL"]}, "line 3 has the label 'COVID'"),
        ({"patient_id": ["1", "2", ""]}, "line 4 names no patient"),
        ({"image": ["images/b.jpg", "", "images/c.jpg"]}, "line 3, column image: no image is named"),
        ({"image": ["images/b.jpg", "images/a.jpg", "other/a.jpg"]}, "line 4 names the image a again"),
        ({"image": ["images/b.jpg", "images/a.jpg", "images/d.jpg"]}, "line 4: the image images/d.jpg is not below"),
        ({"lung_mask": ["lung_masks/b.png", "", ""]}, "line 2: the image lung_masks/b.png is not below"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(root, columns, sentence):
    change(root, **columns)
    with pytest.raises(CxrError, match=sentence) as refusal:
        adult_images.images(root)
    assert "metadata.csv" in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_table_that_cannot_be_used_is_named(root):
    file = root / "metadata.csv"
    whole = pd.read_csv(file, dtype=str)
    whole.drop(columns=["label", "view"]).to_csv(file, index=False)
    with pytest.raises(CxrError, match="lacks the column label"):
        adult_images.images(root)
    whole[:0].to_csv(file, index=False)
    with pytest.raises(CxrError, match="holds no table"):
        adult_images.images(root)
    file.write_bytes(b"\xff\xfe\x00image")
    with pytest.raises(CxrError, match="holds no table"):
        adult_images.images(root)
    file.unlink()
    with pytest.raises(CxrError, match="cannot be read .No such file"):
        adult_images.images(root)


def test_masks_that_do_not_fit_are_refused(root, monkeypatch):
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(root))
    save(root / "lung_masks" / "a.png", np.full((40, 40), 255, np.uint8))
    with pytest.raises(CxrError, match="is 40×40 but its image is 48×40"):
        list(masked_images.adults())
    save(root / "lung_masks" / "a.png", np.full((40, 48), 9, np.uint8))
    with pytest.raises(CxrError, match="is empty"):
        list(masked_images.adults())
    (root / "images" / "a.jpg").write_bytes(b"no image")
    with pytest.raises(image_files.Refused, match="no image"):
        image_files.read(root / "images/a.jpg")
