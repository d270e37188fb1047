"""Measurements on images outside the set: copies of published images, wrong warnings."""

import io
import types

import numpy as np
import pytest
import tiny_external
import tiny_images
from PIL import Image

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import copies, false_warnings
from cxr_helpers.extras.inference import out_of_distribution, published_model


@pytest.fixture
def small_set(tmp_path, monkeypatch, workplace):
    """The set of ten random images, in a build folder of its own."""
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setenv("CXR_DATA_DIR", str(tiny_images.write(tmp_path / "images")))
    monkeypatch.delenv("CXR_EXTERNAL_DIR", raising=False)
    monkeypatch.delenv("CXR_SAMPLE_DIR", raising=False)
    return tmp_path


@pytest.fixture
def adults(small_set, monkeypatch):
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(tiny_external.write(small_set / "adults")))


def test_copies_are_compared_image_by_image(small_set, monkeypatch):
    sample = small_set / "sample"
    same, brighter = "train/NORMAL/IM-0001-0001.jpeg", "train/PNEUMONIA/person1_virus_1.jpeg"
    for name in (same, brighter):
        (sample / name).parent.mkdir(parents=True)
        (sample / name).write_bytes((small_set / "images" / name).read_bytes())
    tiny_images.save(sample / brighter, np.full((40, 40), 255, np.uint8))
    card = types.SimpleNamespace(threshold=0.9, size=32, variant="none")
    monkeypatch.setattr(published_model, "load", lambda: (None, card))
    monkeypatch.setattr(copies.rescored, "of_model", lambda model, config: lambda images: images.mean(axis=(1, 2)) / 255)
    monkeypatch.setenv("CXR_SAMPLE_DIR", str(sample))
    repeats = copies.measure("full").set_index("image_id")
    assert repeats.published[same] == repeats.resized[same] and repeats.published[brighter] == 1
    figures = copies.figures(repeats.reset_index()).set_index("figure").value
    gap = 1 - repeats.resized[brighter]
    expected = {"images": 2, "median difference": gap / 2, "largest difference": gap, "images that change class": 1}
    assert figures.drop("largest difference, made again").to_dict() == pytest.approx(expected)


def test_a_copy_that_is_made_again_is_the_copy():
    image = tiny_images.image(1, 600, 800)
    small = Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR)
    small.convert("RGB").save(file := io.BytesIO(), "JPEG")
    np.testing.assert_array_equal(copies._copied(image), np.asarray(Image.open(file).convert("L")))


def test_a_sample_that_is_missing_empty_or_foreign_is_refused(small_set, monkeypatch):
    with pytest.raises(CxrError, match="set CXR_SAMPLE_DIR"):
        copies.measure("full")
    monkeypatch.setenv("CXR_SAMPLE_DIR", str(small_set / "build"))
    (small_set / "build").mkdir(exist_ok=True)
    with pytest.raises(CxrError, match="holds no image"):
        copies.measure("full")
    tiny_images.save(small_set / "build" / "train" / "NORMAL" / "other.jpeg", tiny_images.image(1))
    with pytest.raises(CxrError, match="holds train/NORMAL/other.jpeg, which is not in the set"):
        copies.measure("full")


def test_warnings_are_counted_by_set(adults, monkeypatch):
    words = lambda images, rules: ["odd" * bool(image[0, 0] > image[-1, -1]) for image in images]  # noqa: E731
    monkeypatch.setattr(out_of_distribution, "warnings", words)
    repeats = false_warnings.measure("full")
    assert repeats.groupby("set", sort=False).size().to_dict() == {
        "official test images": 2,
        "test images, inverted": 2,
        "test images, turned by 90°": 2,
        "test images, upside down": 2,
        "adult images": 3,
    }
    figures = false_warnings.figures(repeats).set_index("figure")
    plain, upside = repeats[repeats.set == "official test images"], figures.value["test images, inverted"]
    assert figures.value["official test images"] == plain.warned.mean() == 1 - upside
    assert figures.columns.tolist() == ["value", "ci_low", "ci_high"]
