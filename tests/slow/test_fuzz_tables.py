"""Tables, lists, metadata, records and archives with anything in them: read, or one sentence that names the file."""

import json

import pandas as pd
import pytest
import tiny_images
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxr_helpers import records
from cxr_helpers.base import environment
from cxr_helpers.base.files import read_arrays
from cxr_helpers.config import Config
from cxr_helpers.data import manifest
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import out_of_distribution, own_images, published_model
from cxr_helpers.extras.other_sets import adult_images, chestxray14, class_folders, label_tables, skin_lesions

ANY = settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
CELL = st.one_of(
    st.text(max_size=12),
    st.sampled_from(("", "0", "1", "1.0", "2", "nan", "a.png", "../a.png", "/etc", "\0", '"', "x" * 300, "NORMAL", "\ufeff")),
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "utf-32", "shift_jis")


@st.composite
def tables(draw: st.DrawFn, columns: tuple[str, ...]) -> bytes:
    """Draw a CSV file whose columns may be wrong, twice there, in another order or encoding; or any bytes."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.binary(max_size=200))
    header = draw(st.permutations(columns))
    if draw(st.booleans()):
        header = [*header, draw(st.one_of(CELL, st.sampled_from(columns)))]
    if draw(st.integers(0, 3)) == 0:
        header = header[1:]
    rows = draw(st.lists(st.lists(CELL, min_size=max(0, len(header) - 1), max_size=len(header) + 1), max_size=6))
    separator = draw(st.sampled_from((",", ",", ",", ";", "\t")))
    end = draw(st.sampled_from(("\n", "\r\n", "\r")))
    text = end.join(separator.join(cells) for cells in [header, *rows])
    return text.encode(draw(st.sampled_from(ENCODINGS)), errors="replace")


def refused_or(path, work):
    """Return what `work()` does, or None where it is refused in one sentence that names the file."""
    try:
        return work()
    except CxrError as error:
        assert path.name in str(error), error
        return None


READERS = {
    "findings": ("Data_Entry_2017.csv", ("Image Index", "Finding Labels", "Patient ID"), chestxray14.read),
    "metadata": ("metadata.csv", adult_images.COLUMNS, adult_images.images),
    "own": ("images.csv", ("path", "label", "patient_id"), lambda folder: own_images.read(folder / "images.csv")),
    "sample": ("metadata.csv", ("file", "nih_labels", "patient"), chestxray14.read_sample),
    "skin": ("labels.csv", ("file", "split", "class"), lambda folder: skin_lesions.read(folder, "melanoma")),
}


@pytest.mark.parametrize("reader", READERS)
def test_any_table_is_read_or_refused_by_name(reader, tmp_path):
    name, columns, read = READERS[reader]
    tiny_images.save(tmp_path / "images" / "a.png", tiny_images.image(0))
    tiny_images.save(tmp_path / "a.png", tiny_images.image(0))
    for part in chestxray14.LISTS.values():
        (tmp_path / part).write_text("a.png\n")

    @ANY
    @given(tables(columns))
    def check(data: bytes) -> None:
        (tmp_path / name).write_bytes(data)
        try:
            found = read(tmp_path)
        except CxrError as error:
            assert str(tmp_path) in str(error), error
        else:
            assert isinstance(found, pd.DataFrame)

    check()


@given(st.binary(max_size=300))
@ANY
def test_any_list_is_read_or_refused_by_name(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "list.txt"
    path.write_bytes(data)
    names = refused_or(path, lambda: label_tables.read_names(path))
    assert names is None or not names.duplicated().any()


def test_any_geometry_is_used_or_refused_by_name(tmp_path, monkeypatch, workplace):
    root = tmp_path / "images"
    for seed, folder in enumerate(tiny_images.NAMES):
        tiny_images.save(root / folder / f"{tiny_images.NAMES[folder][0]}.jpeg", tiny_images.image(seed, 64, 64))
    monkeypatch.setenv("CXR_DATA_DIR", str(root))
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setenv("CXR_GEOMETRY", str(tmp_path / "geometry.csv"))
    head = "split,label,name,width,height\n"
    twice = head + "test,NORMAL,IM-0020-0001.jpeg,1,2\n" * 2
    words = head + "test,NORMAL,IM-0020-0001.jpeg,wide,2\n"
    wrong = [b"", b"\xff\xfe\0", head.encode("utf-16"), twice.encode(), words.encode()]
    for data in wrong:
        (tmp_path / "geometry.csv").write_bytes(data)
        with pytest.raises(CxrError, match="CXR_GEOMETRY=.*geometry.csv cannot be used"):
            manifest.load("full")


def test_a_million_rows_are_read_in_bounded_memory(tmp_path):
    path = tmp_path / "labels.csv"
    rows = "".join(f"ISIC_{number:07d},nevus\n" for number in range(1_000_000))
    path.write_text(f"image_id,label\n{rows}ISIC_0000000,nevus\n")
    before = environment.peak_memory()
    with pytest.raises(CxrError, match="line 1000002, column image_id: ISIC_0000000 is named a second time"):
        label_tables.read(path, ["image_id", "label"])
    assert environment.peak_memory() - before < 1500  # MB


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_usual_encodings_say_the_same(tmp_path, encoding):
    path = tmp_path / "labels.csv"
    path.write_text("image_id,label\nRöntgen-1,nevus\n", encoding=encoding)
    assert label_tables.read(path, ["image_id", "label"]).image_id.tolist() == ["Röntgen-1"]


def test_metadata_cannot_name_a_file_outside_its_folder(tmp_path):
    root = tmp_path / "adults"
    tiny_images.save(tmp_path / "outside.png", tiny_images.image(0))
    tiny_images.save(root / "a.png", tiny_images.image(1))
    for name in ("../outside.png", str(tmp_path / "outside.png"), "x" * 5000 + ".png"):
        rows = ",".join(adult_images.COLUMNS) + f"\n{name},NORMAL,,,p1,,,\n"
        (root / "metadata.csv").write_text(rows)
        with pytest.raises(CxrError, match="metadata.csv, line 2: the image .* is not below"):
            adult_images.images(root)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.one_of(JSON.map(json.dumps), st.text(max_size=60), st.just('{"config": {"model": "custom_cnn", "layers": 3}}')))
@ANY
def test_any_run_json_card_or_rules_are_refused_by_name(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp() / "custom_cnn-official-s0"
    folder.mkdir(exist_ok=True)
    for name in ("run.json", "default.json", "frontal.json"):
        (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    for read in (records.read, published_model.load, out_of_distribution.load):
        with pytest.raises(CxrError, match=r"run\.json|default\.json|frontal\.json"):
            read(folder)


@given(st.data())
@ANY
def test_a_record_with_one_change_anywhere_is_refused(tmp_path_factory, data):
    info = {"config": {"model": "custom_cnn"}, "config_hash": Config("custom_cnn").key, "files": {}, "wall_time_s": 3.5}
    folder = tmp_path_factory.getbasetemp() / Config("custom_cnn").run_id
    folder.mkdir(exist_ok=True)
    info = {"format": 2, "run_id": folder.name} | info
    info["info_sha256"] = records._digest(info)
    text = json.dumps(info, indent=2)
    (folder / "run.json").write_text(text)
    assert records.read(folder).run_id == folder.name
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.characters(codec="ascii")) + text[place + 1 :]
    (folder / "run.json").write_text(changed)
    try:
        same = json.loads(changed) == info  # a blank more or less
    except ValueError:
        same = False
    if not same:
        with pytest.raises(CxrError, match="run.json"):
            records.read(folder)


@given(st.binary(max_size=200))
@ANY
def test_any_stored_array_is_refused_by_name(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "maps.npz"
    path.write_bytes(data)
    assert refused_or(path, lambda: read_arrays(path, ["maps"], "measure again")) is None


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20), max_size=5))
@ANY
def test_any_folder_of_classes_is_read_or_refused_by_name(tmp_path_factory, names):
    base = tmp_path_factory.mktemp("set")
    for name in {*names, "no", "yes"} - {".", ".."}:
        if len(name.encode()) < 200:
            (base / name).mkdir(exist_ok=True)
            (base / name / "a.png").touch()
    refused_or(base, lambda: class_folders.read(base, {"no": 0, "yes": 1}))
