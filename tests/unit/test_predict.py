"""Predicting files with a published model, and publishing it: a tiny model whose answer for an image is known."""

import dataclasses
import errno
import hashlib
import json
import os
import re
import types

import cv2
import numpy as np
import pytest
from published_detector import published, rules  # noqa: F401
from tiny_models import GREY, SIDE, two_blobs
from typer.testing import CliRunner

from cxr_helpers import cli
from cxr_helpers.config import Config
from cxr_helpers.data import dataset
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import bulk, lungs, published_model
from cxr_helpers.extras.inference.predict import Predictor, predict, written
from cxr_helpers.extras.other_sets import synthetic
from cxr_helpers.records import Record


@pytest.fixture
def images(tmp_path):
    """Write a bright image, a dark one, and two files that are no images; return their paths."""
    folder = tmp_path / "images"
    (folder / "other").mkdir(parents=True)
    bright, dark = two_blobs(), two_blobs()
    bright[22:26] = dark[6:10] = GREY
    cv2.imwrite(str(folder / "bright.png"), cv2.resize(bright, (96, 64), interpolation=cv2.INTER_NEAREST))
    cv2.imwrite(str(folder / "other" / "bright.png"), dark)
    (folder / "letter.txt").write_text("Dear colleague")
    return [folder / "bright.png", folder / "letter.txt", folder / "other" / "bright.png", folder / "nothing.png"]


def test_class_probability_and_operating_point(published, images):  # noqa: F811
    bright, _, dark, _ = predict(images, published)
    # The blob is 16 of 1,024 pixels, at +1 or -1 after scaling, with weight 3: log-odds ±48 / 1,024 (grey values are rounded).
    assert bright.probability == pytest.approx(1 / (1 + np.exp(-48 / 1024)), abs=1e-4)
    assert dark.probability == pytest.approx(1 / (1 + np.exp(48 / 1024)), abs=1e-4)
    assert (bright.label, dark.label) == ("PNEUMONIA", "NORMAL")
    assert bright.threshold == dark.threshold == 0.5
    assert bright.heat_map is None


def test_a_file_that_is_no_image_costs_its_own_row_only(published, images, tmp_path):  # noqa: F811
    answers = predict(images, published, tmp_path / "out")
    assert [answer.path for answer in answers] == images
    assert [bool(answer.problem) for answer in answers] == [False, True, False, True]
    assert "letter.txt" in answers[1].problem and "no image" in answers[1].problem
    assert answers[1].label == "" and np.isnan(answers[1].probability) and answers[1].heat_map is None


def test_heat_map_shows_the_image_beside_colour_on_the_blob(published, images, tmp_path):  # noqa: F811
    bright, _, dark, _ = predict(images, published, tmp_path / "out")
    assert bright.heat_map.name == "bright_heatmap.png" and re.fullmatch("bright_[0-9a-f]{12}_heatmap.png", dark.heat_map.name)
    before = {path: path.read_bytes() for path in bright.heat_map.parent.iterdir()}
    again = predict([images[2], images[0]], published, bright.heat_map.parent)  # nothing is written over, nothing twice
    assert [answer.heat_map for answer in again] == [dark.heat_map, bright.heat_map]
    assert {path: path.read_bytes() for path in bright.heat_map.parent.iterdir()} == before
    picture = cv2.imread(str(bright.heat_map)).astype(int)
    assert picture.shape == (64, 2 * 96, 3)  # the file's own size, twice as wide
    colour = np.ptp(picture[:, 96:], axis=-1)
    assert np.ptp(picture[:, :96], axis=-1).max() == 0  # the left half is grey
    assert colour[12:20, 18:30].min() > 60  # rows 6–10 of 32, columns 6–10 of 32, enlarged
    assert colour[40:].max() <= 1


def test_images_of_long_names_have_their_answers_and_maps(published, images, tmp_path):  # noqa: F811
    long = [images[place].rename(tmp_path / f"{'胸' * 78}{place}a.png") for place in (0, 2)]
    assert {len(path.name.encode()) for path in long} == {240}
    answers = predict(long, published, tmp_path / "out")
    assert [answer.label for answer in answers] == ["PNEUMONIA", "NORMAL"]
    assert len({answer.heat_map for answer in answers}) == 2 and all(answer.heat_map.is_file() for answer in answers)


def test_a_folder_that_cannot_be_one_is_named_before_a_image_is_read(published, images, tmp_path):  # noqa: F811
    for out in (images[1], images[1] / "maps"):
        with pytest.raises(CxrError, match="letter.txt.* cannot be written"):
            predict([tmp_path / "no image is looked for"], published, out)


def test_answers_are_printed_where_the_disk_is_full_of_maps(published, images, tmp_path, monkeypatch, capsys):  # noqa: F811
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("cxr_helpers.extras.inference.predict.atomic_write", full)
    arguments = [*map(str, (images[0], images[2])), "--model", str(published), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli.app, ["predict", *arguments])
    assert "PNEUMONIA" in done.stdout and "NORMAL" in done.stdout and isinstance(done.exception, CxrError)
    assert str(done.exception).count("cannot be written (No space left on device)") == 2
    with pytest.raises(CxrError, match="No space left"):
        bulk.write(images, tmp_path / "table.csv", published, tmp_path / "out")
    assert not (tmp_path / "table.csv").exists()


def test_a_table_is_written_over_only_when_asked_and_never_an_input(published, images, tmp_path):  # noqa: F811
    table, names = tmp_path / "table.csv", tmp_path / "names.csv"
    names.write_text(f"{images[2]}\n")
    words = ["predict", str(images[0]), "--list", str(names), "--model", str(published), "--table"]
    assert CliRunner().invoke(cli.app, [*words, str(table)]).exit_code == 0
    first = table.read_bytes()
    again = CliRunner().invoke(cli.app, [*words, str(table)])
    assert "is there already; name another file, or add --overwrite" in str(again.exception)
    table.write_text("another result")
    assert CliRunner().invoke(cli.app, [*words, str(table), "--overwrite"]).exit_code == 0 and table.read_bytes() == first
    refused = CliRunner().invoke(cli.app, [*words, str(names), "--overwrite"])
    assert "is what is read; name another file" in str(refused.exception) and names.read_text() == f"{images[2]}\n"


def test_image_without_evidence_is_noted(published, tmp_path):  # noqa: F811
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((SIDE, SIDE), GREY, "uint8"))
    (answer,) = predict([tmp_path / "grey.png"], published, tmp_path / "out")
    assert "blank map" in answer.note and answer.heat_map.is_file()


def test_what_is_no_frontal_image_is_answered_with_a_warning(published, tmp_path):  # noqa: F811
    image = resize(synthetic.image(3, "NORMAL").image, 160)
    coloured = np.stack([image // 3, image, image], axis=-1)
    pictures = {"image": image, "inverted": 255 - image, "side": np.rot90(image), "colour": coloured}
    for name, picture in pictures.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    answers = predict([tmp_path / f"{name}.png" for name in pictures], published)
    words = ("", "looks like an inverted image", "does not look like an upright frontal chest radiograph", "is in colour")
    for answer, word in zip(answers, words, strict=True):
        assert answer.label and not answer.problem
        assert word in answer.warning and (str(answer.path) in answer.warning) == bool(word)
    heading, *lines = written(answers).splitlines()
    assert heading.split()[-1] == "warning" and [line.split()[-1] for line in lines] == ["no", "yes", "yes", "yes"]


def test_a_model_for_the_lungs_says_where_it_found_none(published, tmp_path, monkeypatch):  # noqa: F811
    pixels = synthetic.image(0, "NORMAL", 320).image
    cv2.imwrite(str(tmp_path / "image.png"), pixels)
    predictor = Predictor(published)
    predictor.card = dataclasses.replace(predictor.card, variant="lungs")
    mask = np.zeros((1, 224, 224), bool)
    mask[:, 60:180, 40:100] = mask[:, 60:180, 120:190] = True
    for trusted, expected in ((True, False), (False, True)):
        monkeypatch.setattr(lungs, "found", lambda images, trusted=trusted: (mask, np.array([trusted])))
        (answer,) = predictor.predictions([tmp_path / "image.png"])
        assert ("no lungs that the segmenter trusts" in answer.warning) == expected


def test_published_card_says_what_the_record_says(published):  # noqa: F811
    card = json.loads((published / "default.json").read_text())
    content = (published / "default.keras").read_bytes()
    assert card["sha256"] == hashlib.sha256(content).hexdigest()
    assert (card["threshold"], card["size"], card["test_images"]) == (0.5, SIDE, 8)
    assert card["metrics"]["accuracy"][0] == 0.875  # seven of eight scores are on the right side of 0.5
    text = (published / "default.md").read_text()
    assert "Not for clinical use" in text and "| 0.875 |" in text and card["run_id"] in text


def test_a_model_of_own_images_is_not_said_to_be_of_the_published_ones(monkeypatch, tmp_path):
    source = types.SimpleNamespace(root=tmp_path)
    monkeypatch.setattr(dataset, "discover", lambda profile: source)
    monkeypatch.setattr(dataset, "difference", lambda root: "train/NORMAL holds 3 files instead of 1341")
    record = types.SimpleNamespace(info={"data_hash": "0123456789abcdef"})
    assert published_model._images(record, "full") == "own images, SHA-256 of names and files 0123456789ab"
    own = published_model._images(record, "full")
    card = published_model.Card("r", "s", 0.5, 64, "none", "official", "random", own, "own file", 8, {})
    text = published_model._model_card(card, "full")
    assert "a set that this project does not know" in text and dataset.DATASET.doi not in text
    monkeypatch.setattr(dataset, "difference", lambda root: "")
    whole = dataclasses.replace(card, data=published_model._images(record, "full"))
    assert dataset.DATASET.doi in published_model._model_card(whole, "full")


def test_altered_or_missing_model_is_refused(published, images):  # noqa: F811
    card, model = published / "default.json", published / "default.onnx"
    with open(model, "ab") as handle:
        handle.write(b"x")
    with pytest.raises(CxrError, match="SHA-256"):
        predict(images, published)
    model.unlink()
    with pytest.raises(CxrError, match="default.onnx does not exist"):
        predict(images, published)
    card.write_text("{}")
    with pytest.raises(CxrError, match="default.json cannot be read"):
        predict(images, published)
    card.unlink()
    with pytest.raises(CxrError, match="default.json does not exist"):
        predict(images, published)


def test_a_model_above_the_limit_is_not_published(published, monkeypatch):  # noqa: F811
    monkeypatch.setattr(published_model, "SIZE_LIMIT", 100)
    before = (published / "default.keras").read_bytes()
    config = Config("custom_cnn", size=SIDE)
    with pytest.raises(CxrError, match="above the"):
        published_model.publish(Record(published, config, {"run_id": config.run_id}), "smoke", 0.5)
    assert (published / "default.keras").read_bytes() == before and len(list(published.glob("*default.keras"))) == 1
