"""Images of a set are packed once; unusable files are listed and left out; a changed file packs anew."""

import dataclasses
import os
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fuzzed import chunk
from tiny_images import image, save

from cxr_helpers.data import preprocessing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import set_packing
from cxr_helpers.extras.other_sets.image_sets import ImageSet


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Six images, two for each part, the fifth of another width."""
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path / "build"))
    names = [f"image{number}" for number in range(6)]
    for number, name in enumerate(names):
        save(tmp_path / f"{name}.png", image(number, width=64 if number == 4 else 48))
    files = [str(tmp_path / f"{name}.png") for name in names]
    table = pd.DataFrame({"image_id": names, "patient_id": names, "path": files, "split": ["train", "val", "test"] * 2})
    return ImageSet("tiny", tmp_path, (), table.assign(y_true=0), "", "synthetic image")


def refused(folder):
    """Return the files that were left out: path and reason."""
    return pd.read_csv(folder / "build" / "smoke" / "packed_sets" / "tiny" / "refused.csv", keep_default_na=False)


def test_rows_belong_to_their_images(found, tmp_path):
    pixels, table = set_packing.load(found, "smoke", 32)
    assert pixels.shape == (6, 32, 32) and pixels.dtype == np.uint8
    for number, row in enumerate(table.row):
        wanted = image(number, width=64 if number == 4 else 48)
        assert np.array_equal(pixels[row], preprocessing.prepared([wanted], 32, "none")[0])
    assert refused(tmp_path).empty


def test_a_coloured_set_keeps_its_colours(found):
    drawn = np.zeros((40, 40, 3), np.uint8)
    drawn[:, :20, 2] = 200  # red on the left, in OpenCV's order
    save(Path(found.table.path[0]), drawn)
    pixels, table = set_packing.load(dataclasses.replace(found, colour=True), "smoke", 32)
    assert pixels.shape == (6, 32, 32, 3)
    assert pixels[table.row[0], 5, 5].tolist() == [200, 0, 0] and pixels[table.row[0], 5, 25].tolist() == [0, 0, 0]
    assert (pixels[table.row[1]] == pixels[table.row[1], ..., :1]).all()  # a grey file


def test_unusable_files_are_left_out_and_listed(found, tmp_path):
    (tmp_path / "image1.png").write_bytes(b"")
    (tmp_path / "image3.png").write_bytes((tmp_path / "image3.png").read_bytes()[:200])
    (tmp_path / "image5.png").unlink()
    (tmp_path / "image5.png").symlink_to(tmp_path / "nowhere.png")
    pixels, table = set_packing.load(found, "smoke", 32)
    assert table.image_id.tolist() == ["image0", "image2", "image4"]
    assert np.array_equal(pixels[table.row.iloc[1]], preprocessing.prepared([image(2)], 32, "none")[0])
    listed = refused(tmp_path)
    assert listed.path.tolist() == [str(tmp_path / f"image{number}.png") for number in (1, 3, 5)]
    assert [reason.split(" ")[0] for reason in listed.reason] == ["zero", "truncated", "unreadable"]


def test_what_would_never_end_is_not_opened(found, tmp_path):
    for name in ("image0.png", "image1.png", "image2.png"):
        (tmp_path / name).unlink()
    os.mkfifo(tmp_path / "image0.png")
    (tmp_path / "image1.png").symlink_to("/dev/zero")
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 12_000, 8, 6, 0, 0, 0))  # RGBA
    (tmp_path / "image2.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    _, table = set_packing.load(found, "smoke", 32)
    assert table.image_id.tolist() == ["image3", "image4", "image5"]
    reasons = refused(tmp_path).reason.tolist()
    assert reasons == ["unreadable (it is no file)"] * 2 + ["more than 50 million pixels"]


def test_it_is_packed_once_and_anew_when_a_file_changes(found, tmp_path, monkeypatch):
    before = np.array(set_packing.load(found, "smoke", 32)[0])
    monkeypatch.setattr(set_packing, "_pack", lambda *args: pytest.fail("packed although nothing changed"))
    assert np.array_equal(set_packing.load(found, "smoke", 32)[0], before)
    monkeypatch.undo()
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path / "build"))
    save(tmp_path / "image2.png", image(99))
    after = set_packing.load(found, "smoke", 32)[0]
    assert [bool((a != b).any()) for a, b in zip(before, after, strict=True)] == [False, False, True, False, False, False]


def test_nothing_stays_when_packing_breaks_off(found, tmp_path, monkeypatch):
    monkeypatch.setattr(preprocessing, "prepared", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        set_packing.load(found, "smoke", 32)
    assert [path for path in (tmp_path / "build").rglob("*") if path.is_file()] == []


def test_a_part_without_an_image_is_refused(found, tmp_path):
    for number in (1, 4):
        (tmp_path / f"image{number}.png").write_bytes(b"nothing")
    with pytest.raises(CxrError, match="No image of the val part of .* can be read"):
        set_packing.load(found, "smoke", 32)
    with pytest.raises(CxrError, match="variant='sharp' is unknown"):
        set_packing.load(found, "smoke", 32, "sharp")
