"""Results of one set are neither read nor written over with another set at hand: real images, records and splits."""

import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
import tiny_images

from cxr_helpers import paths, records
from cxr_helpers.config import Config
from cxr_helpers.data import dataset, manifest, splits
from cxr_helpers.errors import CxrError

OTHER = "holds the results of another set of images than .*: set CXR_ROOT to a new folder"
CONFIG = Config("custom_cnn")


@pytest.fixture
def own(tmp_path, monkeypatch, workplace):
    """Return a function that puts a set at hand: of other names, of other pixels under the same names, or the first one."""
    first = tiny_images.write(tmp_path / "first")
    shutil.copytree(first, tmp_path / "renamed")
    image = next((tmp_path / "renamed/train/NORMAL").iterdir())
    image.rename(image.with_name("IM-0777-0001.jpeg"))
    shutil.copytree(first, tmp_path / "redrawn")
    tiny_images.save(tmp_path / "redrawn/train/NORMAL/IM-0001-0001.jpeg", tiny_images.image(99))
    monkeypatch.setattr(splits, "make", lambda images, protocol, seed=0: images[["image_id", "patient_id"]].assign(split="test"))

    def put(name: str) -> None:
        monkeypatch.setenv("CXR_DATA_DIR", str(tmp_path / name))

    put("first")
    return put


def stored() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths.reports("full").rglob("*") if path.is_file()}


def record() -> records.Record:
    scores = pd.DataFrame({"image_id": ["a"], "patient_id": ["p"], "split": ["test"], "y_true": [1], "y_score": [0.5]})
    return records.write(CONFIG, "full", {"data_hash": manifest.data_hash(manifest.load("full"))}, {"scores": scores})


@pytest.mark.parametrize("name", ["renamed", "redrawn"])
def test_another_set_reads_nothing_and_writes_nothing(own, name):
    splits.load("full", "official")
    record()
    before = stored()
    assert dataset.SET_FILE in before and records.load(CONFIG, "full")
    own(name)
    for work in (
        lambda: manifest.load("full"),
        lambda: splits.load("full", "official"),
        lambda: manifest.check("full"),
        record,
    ):
        with pytest.raises(CxrError, match=OTHER):
            work()
    assert stored() == before
    own("first")
    assert records.load(CONFIG, "full").run_id == CONFIG.run_id


def test_copies_of_the_whole_set_are_known_by_their_greys(own, tmp_path, monkeypatch):
    """The published set in another size is the same set; the same files worked over, as masked or inverted ones, are not."""
    for name, change in (("copied", lambda pixels: cv2.resize(pixels, None, fx=2, fy=2)), ("inverted", np.invert)):
        for path in (tmp_path / "first").glob("*/*/*"):
            target = tmp_path / name / path.relative_to(tmp_path / "first")
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), change(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)), [cv2.IMWRITE_JPEG_QUALITY, 100])
    monkeypatch.setattr(dataset, "difference", lambda _: "")
    splits.load("full", "official")
    before = stored()
    own("copied")
    assert len(splits.load("full", "official")) == len(manifest.load("full"))
    own("inverted")
    for work in (lambda: manifest.load("full"), lambda: splits.load("full", "official")):
        with pytest.raises(CxrError, match=OTHER):
            work()
    assert stored() == before


def test_a_record_alone_makes_the_folder_a_set_s(own):
    record()
    own("renamed")
    for work in (lambda: records.every("full"), lambda: records.load(CONFIG, "full")):
        with pytest.raises(CxrError, match=OTHER):
            work()


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_results_of_nobody_are_nobody_s(own, content):
    """A folder of records or splits that does not say of which set they are is neither read nor added to."""
    record()
    file = paths.reports("full") / dataset.SET_FILE
    file.unlink() if content is None else file.write_text(content)
    dataset._check_names.cache_clear()
    for work in (lambda: records.load(CONFIG, "full"), lambda: splits.load("full", "official"), record):
        with pytest.raises(CxrError, match="set.json does not say of which images the results beside it are"):
            work()
    assert len(stored()) == 2 + (content is not None)


def test_without_images_results_are_shown(own, monkeypatch):
    record()
    monkeypatch.delenv("CXR_DATA_DIR")
    monkeypatch.setattr(dataset, "found", lambda: None)
    assert records.load(CONFIG, "full").run_id == CONFIG.run_id


def test_synthetic_images_belong_to_nobody(own):
    record()
    own("renamed")
    assert records.every("smoke") == []
