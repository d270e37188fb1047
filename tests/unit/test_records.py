"""A record tells which of its files were changed, whenever they came to it."""

import shutil

import pandas as pd
import pytest

from cxr_helpers import paths, records
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.report.verify import damages

# One committed record for each kind of file that a record can hold.
KINDS = sorted({path.name for path in (paths.ROOT / "reports" / "runs").glob("*/[!.]*")})


@pytest.fixture
def record(workplace):
    scores = pd.DataFrame([["a", "p", "test", 1, 0.9]], columns=records.SCORE_COLUMNS)
    return records.write(Config("mobilenet"), "smoke", {}, {"scores": scores})


@pytest.mark.parametrize("kind", KINDS)
def test_one_changed_byte_in_any_file_of_a_committed_record_is_found(kind, tmp_path):
    path = next(iter(sorted((paths.ROOT / "reports" / "runs").glob(f"*/{kind}"))))
    folder = tmp_path / path.parent.name
    shutil.copytree(path.parent, folder)
    assert damages(records.read(folder)) == []
    content = bytearray((folder / kind).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / kind).write_bytes(content)
    try:
        sentences = damages(records.read(folder))
    except CxrError as error:
        sentences = [str(error)]
    assert len(sentences) == 1 and str(folder / kind) in sentences[0]


def test_every_file_of_every_committed_record_is_under_a_hash():
    assert not [sentence for record in records.every("full") for sentence in damages(record)]


def test_an_added_file_is_under_hash_and_leaves_run_json_as_it_was(record):
    before = (record.folder / "run.json").read_bytes()
    record.add("maps.npz", b"maps")
    record.add("external.csv", b"scores")
    record.add("maps.npz", b"other maps")
    again = records.read(record.folder)
    assert (record.folder / "run.json").read_bytes() == before and not damages(again)
    assert again.has("maps.npz") and again.content("maps.npz") == b"other maps" and again.content("external.csv") == b"scores"
    assert again.names == {"scores"}


def test_what_a_killed_process_left_is_not_there_and_is_named(record):
    (record.folder / "maps.npz").write_bytes(b"half")
    assert not record.has("maps.npz")
    assert damages(record) == [f"{record.folder / 'maps.npz'} is under no hash of the record; delete it or make it again."]
    with pytest.raises(CxrError, match="its SHA-256 differs.*delete it and make it again"):
        record.content("maps.npz")


def test_the_runs_own_files_cannot_be_replaced(record):
    for name in ("run.json", "scores.csv", records.ADDED):
        with pytest.raises(CxrError, match="itself"):
            record.add(name, b"")


def test_a_list_that_was_edited_is_refused(record):
    record.add("maps.npz", b"maps")
    path = record.folder / records.ADDED
    path.write_text(path.read_text().replace("maps.npz", "mops.npz"))
    with pytest.raises(CxrError, match="added.json is not as it was written"):
        _ = record.files
    path.write_text("{")
    assert len(damages(record)) == 1
    assert len(record.scores) == 1  # the run's own files can be read all the same


def test_a_seed_without_record_is_refused_with_the_command():
    assert [record.config.seed for record in records.of("vgg16_224", "full", 1)] == [1]
    with pytest.raises(CxrError, match="no record of seed 9; run `cxr train vgg16_224 --seed 9 --profile full`"):
        records.of("vgg16_224", "full", 9)
