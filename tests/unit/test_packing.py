"""The packed array: rows in manifest order, decoded once, made anew when the images change."""

import numpy as np
import pandas as pd
import pytest
import tiny_images

from cxr_helpers.data import image_files, manifest, packing, preprocessing
from cxr_helpers.errors import CxrError


@pytest.fixture
def root(tmp_path, monkeypatch, workplace):
    root = tiny_images.write(tmp_path / "chest_xray")
    monkeypatch.setenv("CXR_DATA_DIR", str(root))
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path / "build"))
    return root


def test_each_row_is_the_image_of_the_manifests_row(root):
    packed = packing.load("full", 24)
    table = manifest.load("full")
    assert packed.shape == (len(table), 24, 24)
    assert packed.dtype == np.uint8
    for row, path in enumerate(table["path"]):
        np.testing.assert_array_equal(packed[row], preprocessing.prepared([image_files.read(root / path).pixels], 24, "none")[0])


def test_a_variant_is_applied_after_resizing(root):
    plain, equalised = packing.load("full", 24), packing.load("full", 24, "gaussian+equalise")
    thesis = preprocessing.VARIANTS["gaussian+equalise"]
    np.testing.assert_array_equal(equalised, np.stack([thesis(image) for image in plain]))


def test_images_are_decoded_once(root, monkeypatch):
    first = packing.load("full", 24)
    monkeypatch.setattr(image_files, "read", None)
    np.testing.assert_array_equal(packing.load("full", 24), first)
    packing.load("full", 24, "clahe")


def test_a_changed_image_is_packed_anew(root):
    before = packing.load("full", 24)[0].copy()
    tiny_images.save(root / manifest.load("full")["path"][0], tiny_images.image(99, 50, 50))
    assert (packing.load("full", 24)[0] != before).any()


def test_an_interrupted_pack_leaves_no_array(root, tmp_path, monkeypatch):
    manifest.load("full")
    read = image_files.read
    monkeypatch.setattr(
        image_files, "read", lambda path, *least: read(path, *least) if path.parent.parent.name == "test" else 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        packing.load("full", 24)
    assert list((tmp_path / "build" / "full" / "packed").iterdir()) == []


def test_an_unknown_variant_and_an_impossible_size_are_refused(root):
    with pytest.raises(CxrError, match="'sharpen' is unknown; choose one of none, "):
        packing.load("full", 24, "sharpen")
    with pytest.raises(CxrError, match="size=0 is out of range"):
        packing.load("full", 0)


def test_images_come_in_the_order_asked_for(monkeypatch):
    pixels = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    monkeypatch.setattr(packing.manifests, "load", lambda profile: pd.DataFrame({"image_id": ["a", "b", "c"]}))
    monkeypatch.setattr(packing, "load", lambda profile, size, variant: pixels)
    assert packing.images("smoke", ["c", "a"], 4)[:, 0, 0].tolist() == [2, 0]
    with pytest.raises(CxrError, match="1 of the images"):
        packing.images("smoke", ["a", "z"], 4)
