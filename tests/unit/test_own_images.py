"""Own images: a folder or a table is read, scored and made a set; of DICOM files nothing but pixels gets out."""

import os
import subprocess
import types
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from tiny_dicom import image as dicom_image
from typer.testing import CliRunner

from cxr_helpers import cli
from cxr_helpers.base import files
from cxr_helpers.data import dataset, image_files, manifest
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import own_images, predict

GREY = np.tile(np.arange(40, dtype=np.uint8), (36, 1))


def png(path, pixels=GREY):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


@pytest.fixture
def folder(tmp_path):
    """A folder of classes in any spelling, eight images each."""
    for label in ("normal", "Pneumonia"):
        for number in range(8):
            png(tmp_path / "images" / label / f"{number}.png", GREY + number + 100 * (label == "Pneumonia"))
    return tmp_path / "images"


@pytest.fixture
def table(tmp_path):
    """A table of 24 patients with two images each, the first image of each a DICOM file."""
    rows = []
    for number in range(24):
        pixels = GREY.copy()
        pixels[0, 0] = number
        for which, content in enumerate((dicom_image(PatientID=f"4711-{number}"), cv2.imencode(".png", pixels)[1].tobytes())):
            name = f"scans/doe_{number}_{which}"
            (tmp_path / "scans").mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
            rows.append({"path": name, "label": ["NORMAL", "1"][number % 2], "patient_id": f"Doe {number}"})
    pd.DataFrame(rows).to_csv(tmp_path / "images.csv", index=False)
    return tmp_path / "images.csv"


def test_folders_name_the_class(folder):
    images = own_images.read(folder)
    assert images.y_true.value_counts().to_dict() == {0: 8, 1: 8} and set(images.split) == {""}


def test_a_table_names_class_and_patient_and_its_paths_count_from_its_folder(table):
    images = own_images.read(table)
    assert images.groupby("patient_id").y_true.nunique().eq(1).all() and images.patient_id.nunique() == 24
    assert list(images.y_true[:4]) == [0, 0, 1, 1]


def test_in_a_folder_names_of_the_published_set_tell_the_patient(folder):
    for name in ("person12_bacteria_47.png", "person12_bacteria_48.png", "person12_virus_49.png"):
        png(folder / "Pneumonia" / name, GREY + 90)
    patients = own_images.read(folder).set_index("image_id").patient_id
    both = patients[["Pneumonia/person12_bacteria_47.png", "Pneumonia/person12_bacteria_48.png"]]
    assert both.nunique() == 1 and patients.eq(both.iloc[0]).sum() == 2
    assert patients["normal/1.png"] != patients["Pneumonia/1.png"] and patients.nunique() == 16 + 2


def test_a_patient_that_a_table_leaves_out_is_nobody_else(table):
    rows = pd.read_csv(table).assign(patient_id="")
    rows.to_csv(table, index=False)
    assert own_images.read(table).patient_id.is_unique


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("path\na.png\n", "lacks the column label"),
        (
            "path,label\na.png,NORMAL\nb.png,ill\n",
            r"1 problem, .*:\s+line 3, column label: write NORMAL or 0, PNEUMONIA or 1, not ill$",
        ),
        ("path,label\na.png,yes\nb.png,no\n", r"2 problems, .*:\s+line 2, .*, not yes\s+line 3, .*, not no"),
        ("path,label\na.png,NORMAL\nb.png,PNEUMONIA\n", r"a.png \(NORMAL\) is b.png \(PNEUMONIA\), byte for byte: mend a label"),
        ("path,label\na.png,NORMAL\nb.png,NORMAL\n", "images of one class only"),
    ],
)
def test_a_faulty_table_is_named_with_its_line(tmp_path, text, complaint):
    png(tmp_path / "a.png")
    png(tmp_path / "b.png")
    (tmp_path / "images.csv").write_text(text)
    with pytest.raises(CxrError, match=complaint):
        own_images.read(tmp_path / "images.csv")


@pytest.mark.parametrize("text", ["Path;Label\na.png;0.0\nb.png;1.0\n", "image\tlabel\na.png\tnormal\nb.png\tPneumonia\n"])
def test_other_separators_names_and_numbers_are_read(tmp_path, text):
    png(tmp_path / "a.png")
    png(tmp_path / "b.png", GREY + 1)
    (tmp_path / "images.csv").write_text(text)
    assert own_images.read(tmp_path / "images.csv").y_true.tolist() == [0, 1]


def test_a_patient_whose_number_a_spreadsheet_wrote_with_a_point_is_the_same(table, capsys):
    rows = pd.read_csv(table).assign(patient_id=[f"{number // 4}{'.0' * (number % 2)}" for number in range(48)])
    rows.to_csv(table, index=False)
    assert own_images.read(table).patient_id.nunique() == 12
    assert "24 patients are written as 12.0: they are taken for 12" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("no", "yes"), ("healthy", "sick"), ("False", "True")])
def test_labels_in_other_words_are_refused_alike_by_both_commands(tmp_path, words):
    for name in "ab":
        png(tmp_path / f"{name}.png", GREY + ord(name))
    (tmp_path / "images.csv").write_text(f"path,label\na.png,{words[0]}\nb.png,{words[1]}\n")
    said = []
    for command in (["score", str(tmp_path / "images.csv")], ["import", str(tmp_path / "images.csv"), str(tmp_path / "set")]):
        done = CliRunner().invoke(cli.app, command)
        said.append((type(done.exception), str(done.exception), (tmp_path / "set").exists()))
    assert said[0] == said[1] and said[0][::2] == (CxrError, False)
    assert f"line 2, column label: write NORMAL or 0, PNEUMONIA or 1, not {words[0]}\n" in said[0][1]


def test_a_name_is_written_in_the_table_of_scores_as_it_is_shown(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(own_images, "Predictor", ByBrightness)
    (folder / "normal" / "0.png").rename(folder / "normal" / "a\x1b[31m\r\n.png")
    done = CliRunner().invoke(cli.app, ["score", str(folder), "--out", str(tmp_path / "scores.csv")])
    assert done.exit_code == 0
    assert r"normal/a\x1b[31m\r\n.png" in set(pd.read_csv(tmp_path / "scores.csv").image_id)


def test_a_workbook_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "images.xlsx").write_bytes(b"PK\3\4 and so on")
    with pytest.raises(CxrError, match="is a workbook or an archive; open it and save the sheet as CSV UTF-8"):
        own_images.read(tmp_path / "images.xlsx")


def test_files_in_folders_below_a_class_are_read_and_said(folder, capsys):
    png(folder / "normal" / "patient 3" / "9.png", GREY + 50)
    assert len(own_images.read(folder)) == 17
    assert "1 of 9 files of" in capsys.readouterr().out


def test_no_result_is_written_over_and_no_input(folder, table, tmp_path, monkeypatch):
    monkeypatch.setattr(own_images, "Predictor", ByBrightness)
    before, image = table.read_bytes(), Path(own_images.read(table).path[1])
    (tmp_path / "old.csv").write_text("old")
    for out, more, words in (
        (table, [], "is what is read"),
        (table, ["--overwrite"], "is what is read"),
        (image, ["--overwrite"], "is what is read"),
        (tmp_path / "old.csv", [], "is there already; name another file, or add --overwrite"),
    ):
        done = CliRunner().invoke(cli.app, ["score", str(table), "--out", str(out), *more])
        assert isinstance(done.exception, CxrError) and words in str(done.exception)
    assert table.read_bytes() == before and (tmp_path / "old.csv").read_text() == "old"
    assert image_files.read(image).pixels.any()
    done = CliRunner().invoke(cli.app, ["score", str(folder), "--out", str(tmp_path / "old.csv"), "--overwrite"])
    assert done.exit_code == 0 and len(pd.read_csv(tmp_path / "old.csv")) == 16


def test_a_missing_source_is_one_sentence(tmp_path):
    done = CliRunner().invoke(cli.app, ["score", str(tmp_path / "nowhere.csv")])
    assert isinstance(done.exception, CxrError) and "nowhere.csv" in str(done.exception)


class ByBrightness:
    """Answers with the mean grey of each image, and refuses what is no image, as `predict.Predictor` does."""

    card = types.SimpleNamespace(threshold=0.4)

    def __init__(self, model_dir):
        pass

    def predictions(self, files):
        for file in files:
            try:
                yield predict.Prediction(file, probability=float(image_files.read(file).pixels.mean() / 255), threshold=0.4)
            except CxrError as error:
                yield predict.Prediction(file, problem=str(error))


def test_scores_of_own_images_give_every_metric_with_its_interval(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(own_images, "Predictor", ByBrightness)
    done = CliRunner().invoke(cli.app, ["score", str(folder), "--out", str(tmp_path / "scores.csv")])
    assert done.exit_code == 0 and "16 images, 8 of PNEUMONIA; PNEUMONIA is called from 0.400 on" in done.output
    rows = {line[:15].strip(): line[15:].split() for line in done.output.splitlines()}
    assert rows["Sensitivity"] == ["1.000", "0.676", "1.000"]  # Wilson's limits of 8 of 8
    assert rows["ROC AUC"][0] == "1.000" and rows["PR AUC"] == ["1.000", "none", "none"]
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert list(scores.columns) == ["image_id", "patient_id", "split", "y_true", "y_score"] and len(scores) == 16


def test_adapted_figures_stand_below_those_of_the_model_or_the_reason_why_not(folder, monkeypatch):
    monkeypatch.setattr(own_images, "Predictor", ByBrightness)
    done = CliRunner().invoke(cli.app, ["score", str(folder), "--adapt"])
    assert "Not adapted: 16 images are fewer than 50." in done.output and "ROC AUC" in done.output
    names = [str(number) for number in range(80)]
    shifted = [0.6, 0.65, 0.7, 0.68] * 10 + [0.97, 0.98, 0.99, 0.985] * 10
    scores = pd.DataFrame({"image_id": names, "patient_id": names, "y_true": [0] * 40 + [1] * 40, "y_score": shifted})
    plain, adapted = own_images.told(scores, 0.75, adapt=True).split("Adapted to these images")
    assert "called from 0.750 on" in plain and "50% in the upper one" in adapted
    both = [next(line.split()[1] for line in part.splitlines() if line.startswith("Specificity")) for part in (plain, adapted)]
    assert both == ["1.000", "1.000"] and "No part of the model's own answer" in adapted


def test_it_is_said_how_many_images_name_no_patient(folder, table, tmp_path, monkeypatch):
    monkeypatch.setattr(own_images, "Predictor", ByBrightness)
    words = "no patient is named for 16 of 16 images: each counts as a patient of its own"
    for command in (["score", str(folder)], ["import", str(folder), str(tmp_path / "mine")]):
        assert words in CliRunner().invoke(cli.app, command).output
    assert "no patient" not in CliRunner().invoke(cli.app, ["import", str(table), str(tmp_path / "theirs")]).output


def test_a_place_where_no_scores_can_be_written_is_named_before_a_image_is_scored(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(own_images, "Predictor", lambda *_: pytest.fail("scored"))
    (tmp_path / "file").touch()
    for out, words in ((tmp_path, "is a folder; name a file in it"), (tmp_path / "file" / "scores.csv", "cannot be written")):
        done = CliRunner().invoke(cli.app, ["score", str(folder), "--out", str(out)])
        assert isinstance(done.exception, CxrError) and words in str(done.exception) and str(tmp_path) in str(done.exception)


def test_a_file_that_is_no_image_is_named_and_the_others_are_scored(folder, monkeypatch):
    monkeypatch.setattr(own_images, "Predictor", ByBrightness)
    (folder / "normal" / "0.png").write_bytes(b"no image")
    done = CliRunner().invoke(cli.app, ["score", str(folder)])
    assert "15 images" in done.output and isinstance(done.exception, CxrError) and "0.png is refused" in str(done.exception)


def test_own_images_become_a_set_by_patient_without_a_word_of_theirs(table, tmp_path):
    done = CliRunner().invoke(cli.app, ["import", str(table), str(tmp_path / "mine")])
    assert done.exit_code == 0, done.output
    root = dataset.locate(tmp_path / "mine")
    images = dataset.images(root)
    assert len(images) == 48
    patients = {
        part: {manifest.patient_key(path.name)[0] for path in images if path.parts[-3] == part} for part in ("train", "test")
    }
    assert len(patients["train"] | patients["test"]) == 24 and not patients["train"] & patients["test"]
    assert not any(word in path.read_bytes() for path in images for word in (b"Doe", b"doe", b"4711"))
    assert not any("doe" in str(path.relative_to(root)).lower() for path in images)
    assert {image_files.read(path).pixels.max() for path in images} == {255, 39}  # the DICOM ramp as it is shown, and the PNG


def test_a_set_with_a_file_that_is_no_image_is_not_begun(table, tmp_path):
    (tmp_path / "scans" / "doe_3_1").write_bytes(b"no image")
    (tmp_path / "scans" / "doe_5_0").unlink()
    with pytest.raises(CxrError, match=r"2 problems, and nothing is done:\s+.*doe_3_1: no image\s+.*doe_5_0: unreadable"):
        own_images.store(table, tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir() if "mine" in path.name] == []


def test_an_import_says_all_that_is_wrong_at_once(table, tmp_path):
    lines = table.read_text().splitlines()
    (tmp_path / "scans/doe_0_0").write_bytes(b"no image")
    (tmp_path / "scans/doe_1_1").write_bytes((tmp_path / "scans/doe_0_1").read_bytes())
    lines[9:12] = [",NORMAL,Doe 4", "scans/doe_0_0,1,Doe 5", "scans/doe_5_0"]
    table.write_text("\n".join([*lines, "scans/doe_9_9,maybe,Doe 9", "scans/doe_9_8,0,Doe 9"]))
    with pytest.raises(CxrError) as refusal:
        own_images.store(table, tmp_path / "mine")
    for words in (
        "has 7 problems",
        *("line 10, column path: no image is named", "line 11, column path: scans/doe_0_0 is named a second time"),
        *("line 12: 1 cells do not reach", "line 50, column label: ", "scans/doe_0_1 (NORMAL) is scans/doe_1_1 (PNEUMONIA)"),
        *("scans/doe_0_0: no image", "scans/doe_9_8: unreadable"),
    ):
        assert words in str(refusal.value)
    table.write_text("\n".join(lines[:1] + lines[13:23]))
    with pytest.raises(CxrError, match="1 problem, .*:\n     5 patients are too few to be divided"):
        own_images.store(table, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_folder_that_holds_something_is_left_alone(folder, tmp_path):
    png(tmp_path / "mine" / "old.png")
    with pytest.raises(CxrError, match="is not empty; name a new folder"):
        own_images.store(folder, tmp_path / "mine")


def test_a_place_that_can_be_no_new_folder_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for place, words in ((tmp_path / "file", "file cannot be written"), (tmp_path / "file" / "mine", "mine cannot be written")):
        with pytest.raises(CxrError, match=words):
            own_images.store(folder, place)
    with pytest.raises(CxrError, match="is the working folder; name a new one"):
        own_images.store(folder, Path("."))
    assert (tmp_path / "file").is_file() and not any((tmp_path / "empty").iterdir())


def test_what_a_killed_import_left_is_cleared_away(folder, tmp_path, monkeypatch):
    ended = subprocess.Popen(["true"])
    ended.wait()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: ended.pid)
        left = files.draft_of(tmp_path / "mine")
    png(left / "train" / "NORMAL" / "IM-00001-0001.png")
    own_images.store(folder, tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "mine"]


def test_an_import_is_made_under_a_name_that_is_cleared_away_after_a_kill(folder, tmp_path, monkeypatch):
    seen, read = [], image_files.read
    monkeypatch.setattr(image_files, "read", lambda path: seen.append([*tmp_path.glob(".*")]) or read(path))
    own_images.store(folder, tmp_path / "mine")
    assert seen[-1] == [files.draft_of(tmp_path / "mine")]
