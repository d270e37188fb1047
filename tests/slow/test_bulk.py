"""Tables of many predictions: one row a file, whatever the file; going on after a kill; memory that does not grow."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from published_detector import published, rules  # noqa: F401
from tiny_models import GREY, two_blobs

from cxr_helpers.data import image_files
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import bulk, predict

NUMBER = 3 * bulk.BATCH + 7


@pytest.fixture
def folder(tmp_path):
    """Write some images, each of its own brightness, in two folders, with a letter and a broken image among them."""
    rng = np.random.default_rng(0)
    for number in range(NUMBER):
        place = tmp_path / "images" / ("a" if number < 50 else "b") / f"{number:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        image = two_blobs()
        image[22 : 26 if number % 2 else 24] = rng.integers(0, GREY)
        cv2.imwrite(str(place), image)
    (tmp_path / "images" / "a" / "013.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (tmp_path / "images" / "b" / "letter.txt").write_text("Dear colleague")
    return tmp_path / "images"


def table_of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values={"probability": [""], "operating_point": [""]})


def test_a_folder_gives_one_row_a_image_with_the_answers_of_predict(published, folder, tmp_path):  # noqa: F811
    counts = bulk.write(bulk.files([folder]), tmp_path / "out.csv", published)
    found = table_of(tmp_path / "out.csv")
    assert counts == (NUMBER, 1) and len(found) == NUMBER and list(found) == list(bulk.COLUMNS)
    assert found.file.is_monotonic_increasing  # no row for the letter: it has no image's name
    (bad,) = found[found.problem != ""].itertuples()
    assert bad.file.endswith("013.png") and "no image" in bad.problem and np.isnan(bad.probability)
    known = predict.predict([Path(file) for file in found.file[:60]], published)
    for row, answer in zip(found[:60].itertuples(), known, strict=True):
        assert row[2] == answer.label and row.problem == answer.problem and row.warning == answer.warning
        assert row.probability == pytest.approx(answer.probability, abs=1e-6, nan_ok=True)
    assert not (tmp_path / "out.csv.part").exists()


def test_patterns_and_lists_name_files_and_a_missing_one_costs_its_row(published, folder, tmp_path):  # noqa: F811
    listed = tmp_path / "list.txt"
    listed.write_text(f"{folder / 'a' / '001.png'}\n\n{folder / 'nothing.png'}\n{folder / 'b' / 'letter.txt'}\n")
    rows, failed = bulk.write(bulk.files([folder / "b" / "06*.png"], listed), tmp_path / "out.csv", published)
    assert (rows, failed) == (10 + 3, 2)
    assert table_of(tmp_path / "out.csv").problem.tail(2).str.contains("unreadable|no image").all()


def test_heat_maps_are_written_where_asked_for(published, folder, tmp_path):  # noqa: F811
    bulk.write(bulk.files([folder / "a" / "01[23].png"]), tmp_path / "out.csv", published, tmp_path / "maps")
    found = table_of(tmp_path / "out.csv")
    assert [Path(name).name for name in found.heat_map] == ["012_heatmap.png", ""]
    assert cv2.imread(found.heat_map[0]).shape == (32, 64, 3)


KILLED = """
    import os, pathlib, signal, sys
    from cxr_helpers.base import environment
    environment.settle()
    from cxr_helpers.data import image_files
    from cxr_helpers.extras.inference import bulk
    read = image_files.read
    def dying(path):
        if path.name == "095.png":  # in the third batch, of which no row is written
            os.kill(os.getpid(), signal.SIGKILL)
        return read(path)
    image_files.read = dying
    bulk.write(bulk.files([pathlib.Path(sys.argv[1])]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
"""


def test_a_killed_run_goes_on_behind_its_last_whole_row(published, folder, tmp_path, monkeypatch):  # noqa: F811
    bulk.write(bulk.files([folder]), tmp_path / "whole.csv", published)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), str(tmp_path / "out.csv"), str(published)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "out.csv").exists()
    part = tmp_path / "out.csv.part"
    assert len(part.read_text().splitlines()) == 1 + 2 * bulk.BATCH
    with open(part, "a") as handle:
        handle.write(f"{folder}/b/064.png,PNEUM")
    seen, lock, read = [], threading.Lock(), image_files.read

    def noted(path):
        with lock:
            seen.append(path.name)
        return read(path)

    monkeypatch.setattr(image_files, "read", noted)
    bulk.write(bulk.files([folder]), tmp_path / "out.csv", published)
    assert min(seen) == "064.png" and len(seen) == NUMBER - 64
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_what_is_left_of_other_files_or_another_model_is_not_gone_on_with(published, folder, tmp_path):  # noqa: F811
    part = tmp_path / "out.csv.part"
    part.write_text(",".join(bulk.COLUMNS) + "\nother.png,NORMAL,0.1,0.5,,,,0123456789ab\n")
    with pytest.raises(CxrError, match=r"out\.csv\.part was begun for other files"):
        bulk.write(bulk.files([folder]), tmp_path / "out.csv", published)
    assert part.read_text().endswith("0123456789ab\n")


def test_a_image_of_the_longest_name_has_its_map_and_a_closed_folder_its_row(published, folder, tmp_path, monkeypatch):  # noqa: F811
    image = (folder / "a" / "001.png").rename(folder / "a" / f"{'胸' * 83}.png")
    closed = folder / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refusing(path):
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)  # who runs the tests may be root, to whom nothing is closed
    files = bulk.files([image, closed])
    assert bulk.write(files, tmp_path / "out.csv", published, tmp_path / "maps") == (2, 1)
    found = table_of(tmp_path / "out.csv")
    assert cv2.imread(found.heat_map[0]) is not None
    assert found.file[1] == str(closed) and "unreadable" in found.problem[1]


def test_the_map_of_a_image_with_blanks_in_its_name_is_found_by_its_column(published, folder, tmp_path):  # noqa: F811
    image = (folder / "a" / "001.png").rename(folder / "a" / "a  b .png")
    bulk.write(bulk.files([image]), tmp_path / "out.csv", published, tmp_path / "maps  of mine")
    found = table_of(tmp_path / "out.csv")
    assert Path(found.file[0]) == image and Path(found.heat_map[0]).is_file()


@pytest.mark.parametrize(
    ("name", "sources", "words"),
    [
        ("out.xlsx", ["images"], "does not end in .csv"),
        ("there.csv", ["images"], "is there already"),
        ("out.csv", ["images/*.gif"], "No image is among"),
        ("images/a/001.png/out.csv", ["images"], "cannot be written"),
    ],
)
def test_a_wrong_parameter_is_one_sentence(published, folder, tmp_path, name, sources, words):  # noqa: F811
    (tmp_path / "there.csv").write_text("kept")
    with pytest.raises(CxrError, match=words):
        bulk.write(bulk.files([tmp_path / source for source in sources]), tmp_path / name, published)
    assert (tmp_path / "there.csv").read_text() == "kept" and not (tmp_path / "out.csv").exists()


def test_a_file_in_place_of_the_folder_for_maps_is_named_before_anything_is_begun(published, folder, tmp_path):  # noqa: F811
    place = folder / "a" / "001.png"
    with pytest.raises(CxrError, match="001.png cannot be written"):
        bulk.write(bulk.files([folder]), tmp_path / "out.csv", published, place)
    assert not list(tmp_path.glob("*.part"))


def test_a_decoder_that_fails_in_an_unforeseen_way_costs_one_row(published, folder, tmp_path, monkeypatch):  # noqa: F811
    read = image_files.read
    monkeypatch.setattr(image_files, "read", lambda path: 1 / 0 if path.name == "002.png" else read(path))
    assert bulk.write(bulk.files([folder / "a" / "00?.png"]), tmp_path / "out.csv", published) == (10, 1)
    assert "ZeroDivisionError" in table_of(tmp_path / "out.csv").problem[2]
