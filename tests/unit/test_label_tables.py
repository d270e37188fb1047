"""Tables of labels are read whatever their encoding, and refused with file, line and column."""

import os

import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import label_tables


def write(folder, text, encoding="utf-8"):
    path = folder / "labels.csv"
    path.write_bytes(text.encode(encoding))
    return path


def complaint(path, columns=("image_id", "label")):
    with pytest.raises(CxrError) as caught:
        label_tables.read(path, columns)
    sentence = str(caught.value)
    assert str(path) in sentence and "\n" not in sentence
    return sentence


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_any_usual_encoding_gives_the_same_names(tmp_path, encoding):
    table = label_tables.read(write(tmp_path, "image_id,label\nläsion,nevus\n", encoding), ["image_id", "label"])
    assert table.to_dict("records") == [{"image_id": "läsion", "label": "nevus"}]


def test_the_index_is_the_line_though_lines_are_empty_or_end_in_a_comma(tmp_path):
    table = label_tables.read(write(tmp_path, '"label",image_id,\r\n\r\nnevus, a ,\r\n"nevus",b,,\r\n'), ["image_id", "label"])
    assert table.image_id.to_dict() == {3: "a", 4: "b"}


def test_a_table_that_cannot_be_read_is_one_sentence(tmp_path):
    assert "No such file" in complaint(tmp_path / "labels.csv")
    assert "holds no table" in complaint(write(tmp_path, ""))
    assert "holds no table" in complaint(write(tmp_path, "image_id,label\n"))
    (tmp_path / "labels.csv").write_bytes(b"\x89PNG\0\0\0")
    assert "is no text" in complaint(tmp_path / "labels.csv")


def test_a_missing_column_and_a_short_line_are_named(tmp_path):
    assert "lacks the column label" in complaint(write(tmp_path, "image_id;class\na;nevus\n"), ("label",))
    assert "line 3: 1 cells do not reach the column label" in complaint(write(tmp_path, "image_id,label\na,nevus\nb\n"))


def test_images_without_a_name_or_named_twice_are_refused(tmp_path):
    assert "line 3, column image_id: no image is named" in complaint(write(tmp_path, "image_id,label\na,x\n,x\n"))
    assert "line 4, column image_id: a is named a second time" in complaint(write(tmp_path, "image_id,label\na,x\nb,x\na,x\n"))
    path = tmp_path / "list.txt"
    path.write_text("a.png\n\nb.png\na.png")
    with pytest.raises(CxrError, match="line 4, the list: a.png is named a second time"):
        label_tables.read_names(path)


def test_named_images_that_are_absent_are_counted_and_the_first_is_named(tmp_path):
    path = write(tmp_path, "image_id,label\na,x\nb,x\nc,x\n")
    names = label_tables.read(path, ["image_id"]).image_id
    assert label_tables.locate(names[:1], path, {"a": tmp_path / "a.jpg"}, tmp_path) == [str(tmp_path / "a.jpg")]
    with pytest.raises(CxrError, match=r"line 3: the image b is not below .* \(2 of 3 named images are missing\)"):
        label_tables.locate(names, path, {"a": tmp_path / "a.jpg"}, tmp_path)


def test_a_pipe_and_a_column_of_two_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "is no file" in complaint(tmp_path / "pipe.csv")
    assert "names the column label twice" in complaint(write(tmp_path, "image_id,label,label\na,0,1\n"))
