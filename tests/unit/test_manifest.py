"""The manifest: what each row says, which files are left out, and when it is made anew."""

import os

import cv2
import numpy as np
import pandas as pd
import pytest
import tiny_images

from cxr_helpers.data import dataset, manifest
from cxr_helpers.errors import CxrError


@pytest.fixture
def root(tmp_path, monkeypatch, workplace):
    """A tiny set given by CXR_DATA_DIR, in a folder whose name has a blank and no Latin letter."""
    root = tiny_images.write(tmp_path / "data 胸部")
    monkeypatch.setenv("CXR_DATA_DIR", str(root))
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.delenv("CXR_GEOMETRY", raising=False)
    return root


@pytest.mark.parametrize(
    ("name", "patient", "pathogen"),
    [
        ("person12_virus_46.jpeg", "person12_virus", "virus"),
        ("person12_bacteria_47.jpeg", "person12_bacteria", "bacteria"),
        ("person1_virus_11_2.jpeg", "person1_virus", "virus"),
        ("IM-0011-0001.jpeg", "IM-0011", ""),
        ("IM-0629-0001-0002.jpeg", "IM-0629", ""),
        ("NORMAL2-IM-0011-0001.jpeg", "NORMAL2-IM-0011", ""),
        ("BACTERIA-1008087-0001.jpeg", "BACTERIA-1008087", "bacteria"),
        ("NORMAL-28501-0001.jpeg", "NORMAL-28501", ""),
        ("my own image.png", "", ""),
    ],
)
def test_the_patient_is_read_from_the_name(name, patient, pathogen):
    assert manifest.patient_key(name) == (patient, pathogen)


def test_each_image_has_its_row(root):
    table = manifest.load("full")
    assert table["path"].is_monotonic_increasing
    assert len(table) == sum(tiny_images.COUNTS.values())
    row = table.set_index("image_id").loc["train/PNEUMONIA/person1_virus_1"]
    assert (row["label"], row["y_true"], row["pathogen"], row["folder"]) == ("PNEUMONIA", 1, "virus", "train")
    assert row["path"] == "train/PNEUMONIA/person1_virus_1.jpeg"
    assert (row["width"], row["height"], row["mode"]) == (53, 45, "L")
    assert table["patient_id"].nunique() == 8  # two images of IM-0001 and two of person1_bacteria
    assert (table["duplicate_group"] == -1).all()
    assert manifest.refused("full").empty
    assert dataset.discover("full").pixels == "files of several sizes"


def test_a_image_of_a_foreign_name_is_a_patient_of_its_own(root):
    for seed, folder in enumerate(("train/NORMAL", "train/PNEUMONIA", "test/NORMAL")):
        tiny_images.save(root / folder / "1.png", tiny_images.image(60 + seed))
    patients = manifest.load("full").set_index("image_id").patient_id
    assert patients[["train/NORMAL/1", "train/PNEUMONIA/1", "test/NORMAL/1"]].is_unique
    assert not patients.eq("").any()


def test_grey_statistics_are_those_of_the_pixels():
    half = np.repeat(np.array([[0], [200]], np.uint8), 50, axis=0).repeat(40, axis=1)
    assert manifest.grey_statistics(half) == {"mean": 100, "std": 100, "p05": 0, "p50": 0, "p95": 200}
    image = tiny_images.image(3)
    statistics = manifest.grey_statistics(image)
    assert statistics["std"] == pytest.approx(image.std())
    assert statistics["p95"] == pytest.approx(np.percentile(image, 95), abs=1)


def test_bad_files_are_left_out_with_their_reason(root):
    whole = (root / "train/NORMAL/IM-0001-0001.jpeg").read_bytes()
    (root / "train/NORMAL/empty.jpeg").touch()
    (root / "train/NORMAL/cut.jpeg").write_bytes(whole[:-100])
    (root / "test/NORMAL/notes.txt").write_text("no image")
    (root / "test/NORMAL/folder").mkdir()
    (root / "val/NORMAL/broken link.jpeg").symlink_to(root / "nowhere.jpeg")
    tiny_images.save(root / "train/NORMAL/IM-0001-0001.png", tiny_images.image(77))
    (root / "train/NORMAL/.DS_Store").write_text("macOS")
    reasons = manifest.refused("full").set_index("path")["reason"]
    assert reasons["train/NORMAL/empty.jpeg"] == "zero bytes"
    assert reasons["train/NORMAL/cut.jpeg"].startswith("truncated")
    assert reasons["test/NORMAL/notes.txt"] == "no image"
    assert reasons["test/NORMAL/folder"].startswith("unreadable")
    assert reasons["val/NORMAL/broken link.jpeg"].startswith("unreadable")
    assert reasons["train/NORMAL/IM-0001-0001.png"].startswith("same name")
    assert len(reasons) == 6
    table = manifest.load("full")
    assert len(table) == sum(tiny_images.COUNTS.values())
    assert table["image_id"].is_unique


def test_a_class_without_a_readable_image_is_an_error(root):
    (root / "test/NORMAL/IM-0020-0001.jpeg").write_text("no image")
    with pytest.raises(CxrError, match="No image in .*NORMAL can be read"):
        manifest.load("full")


def test_it_is_made_anew_exactly_when_a_file_comes_goes_or_changes(root, monkeypatch):
    builds = []
    build = manifest._build
    monkeypatch.setattr(manifest, "_build", lambda found: builds.append(1) or build(found))
    first = manifest.load("full")
    pd.testing.assert_frame_equal(manifest.load("full"), first)
    assert len(builds) == 1
    extra = root / "train/NORMAL/IM-0444-0001.jpeg"
    tiny_images.save(extra, tiny_images.image(44))
    assert len(manifest.load("full")) == len(first) + 1
    os.utime(extra, (0, 0))
    manifest.load("full")
    assert len(builds) == 3
    extra.unlink()
    assert len(manifest.load("full")) == len(first)


def test_a_resized_copy_has_the_published_size_or_none(root, tmp_path, monkeypatch):
    for seed, path in enumerate(sorted(root.rglob("*.jpeg"))):
        tiny_images.save(path, tiny_images.image(seed, 64, 64))
    assert dataset.discover("full").pixels == "64×64 copy"
    assert manifest.load("full")[["width", "height"]].isna().all(axis=None)
    beside = root.parent / "original_geometry.csv"
    beside.write_text("split,label,name,width,height\ntest,NORMAL,IM-0020-0001.jpeg,1000,900\n")
    assert manifest.load("full").set_index("image_id").loc["test/NORMAL/IM-0020-0001", "width"] == 1000
    geometry = tmp_path / "geometry.csv"
    geometry.write_text("split,label,name,width,height\ntest,NORMAL,IM-0020-0001.jpeg,1857,1317\n")
    monkeypatch.setenv("CXR_GEOMETRY", str(geometry))
    table = manifest.load("full").set_index("image_id")
    assert table.loc["test/NORMAL/IM-0020-0001", ["width", "height"]].tolist() == [1857, 1317]
    assert table["width"].notna().sum() == 1
    geometry.write_text("file,size\n")
    with pytest.raises(CxrError, match="CXR_GEOMETRY=.*geometry.csv cannot be used"):
        manifest.load("full")


def test_equal_bytes_and_resaved_copies_are_one_group(root):
    original = root / "train/NORMAL/IM-0001-0001.jpeg"
    (root / "train/NORMAL/IM-0300-0001.jpeg").write_bytes(original.read_bytes())
    other = root / "train/PNEUMONIA/person1_virus_1.jpeg"
    image = cv2.imdecode(np.fromfile(other, np.uint8), cv2.IMREAD_GRAYSCALE)
    smaller = cv2.resize(image, (40, 36), interpolation=cv2.INTER_AREA)
    tiny_images.save(root / "train/PNEUMONIA/person7_virus_7.jpeg", smaller, cv2.IMWRITE_JPEG_QUALITY, 60)
    groups = manifest.load("full").set_index("image_id")["duplicate_group"]
    assert groups["train/NORMAL/IM-0001-0001"] == groups["train/NORMAL/IM-0300-0001"] == 0
    assert groups["train/PNEUMONIA/person1_virus_1"] == groups["train/PNEUMONIA/person7_virus_7"] == 1
    assert (groups >= 0).sum() == 4


def test_groups_chain_and_blank_images_stay_apart():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (32, 32)).astype(np.uint8)
    nearly = np.clip(image.astype(int) + rng.integers(-3, 4, image.shape), 0, 255).astype(np.uint8)
    blank = np.zeros_like(image)
    thumbnails = np.stack([blank, image, rng.integers(0, 255, (32, 32)).astype(np.uint8), nearly, blank, image])
    digests = np.array(["a", "b", "c", "d", "e", "b"])
    assert manifest.duplicate_groups(digests, thumbnails).tolist() == [-1, 0, -1, 0, -1, 0]
    # Equal bytes are one picture even where the pixels say nothing.
    digests[4] = "a"
    assert manifest.duplicate_groups(digests, thumbnails).tolist() == [0, 1, -1, 1, 0, 1]


def test_images_that_are_merely_alike_are_no_group():
    image, other = tiny_images.image(1, 32, 32), tiny_images.image(2, 32, 32)
    alike = np.rint(0.8 * image + 0.2 * other).astype(np.uint8)
    assert 0.9 < np.corrcoef(image.ravel(), alike.ravel())[0, 1] < 0.985
    assert manifest.duplicate_groups(np.array(["a", "b"]), np.stack([image, alike])).tolist() == [-1, -1]


def test_the_data_hash_follows_the_images_and_not_their_order():
    table = pd.DataFrame({"image_id": ["a", "b"], "sha256": ["1", "2"]})
    assert manifest.data_hash(table) == manifest.data_hash(table.iloc[::-1])
    assert manifest.data_hash(table) != manifest.data_hash(table.assign(sha256=["2", "1"]))


def test_one_image_under_two_labels_is_said(root, capsys):
    source = root / "train/NORMAL/IM-0001-0001.jpeg"
    (root / "train/PNEUMONIA/copy.jpeg").write_bytes(source.read_bytes())
    manifest.load("full")
    said = "".join(capsys.readouterr())
    assert "2 files lie in both classes" in said and "train/PNEUMONIA/copy.jpeg" in said
