"""Results of one set are neither read nor written over with another set at hand: real images, records and splits."""

import shutil

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


def test_a_record_alone_makes_the_folder_a_set_s(own):
    record()
    own("renamed")
    for work in (lambda: records.every("full"), lambda: records.load(CONFIG, "full")):
        with pytest.raises(CxrError, match=OTHER):
            work()


def test_without_images_results_are_shown(own, monkeypatch):
    record()
    monkeypatch.delenv("CXR_DATA_DIR")
    monkeypatch.setattr(dataset, "found", lambda: None)
    assert records.load(CONFIG, "full").run_id == CONFIG.run_id


def test_synthetic_images_belong_to_nobody(own):
    record()
    own("renamed")
    assert records.every("smoke") == []
