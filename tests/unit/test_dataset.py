"""Where images are found, which folders are refused before any work starts, and how the set is fetched."""

import functools
import http.server
import os
import socket
import threading
import time
import types
import zipfile
from pathlib import Path

import pytest
import requests
import tiny_images

from cxr_helpers import paths
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import download

PUBLISHED = dataset.DATASET


@pytest.fixture(autouse=True)
def nothing_at_hand(workplace, tmp_path, monkeypatch):
    """A machine without a set: no variable, no well-known folder; a whole set is as small as the tiny one."""
    monkeypatch.delenv("CXR_DATA_DIR", raising=False)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dataset, "DATASET", types.SimpleNamespace(**vars(dataset.DATASET) | {"counts": tiny_images.COUNTS}))


def test_the_record_has_the_published_counts():
    assert sum(PUBLISHED.counts.values()) == 5856
    assert sum(count for (_, label), count in PUBLISHED.counts.items() if label == "NORMAL") == 1583
    assert PUBLISHED.counts["test", "NORMAL"] + PUBLISHED.counts["test", "PNEUMONIA"] == 624
    assert dataset.LABELS == {"NORMAL": 0, "PNEUMONIA": 1}


def test_a_profile_by_name_by_environment_and_by_what_is_at_hand(tmp_path, monkeypatch):
    assert dataset.resolve_profile("full") == "full"
    assert dataset.resolve_profile() == "smoke"
    tiny_images.write(paths.ROOT / "data" / "chest_xray")
    assert dataset.resolve_profile() == "full"
    monkeypatch.setenv("CXR_PROFILE", "smoke")
    assert dataset.resolve_profile() == "smoke"
    assert dataset.resolve_profile("full") == "full"
    monkeypatch.setenv("CXR_PROFILE", "quick")
    with pytest.raises(CxrError, match="'quick' is unknown; choose one of full, smoke, auto"):
        dataset.resolve_profile()


def test_a_given_set_comes_before_a_found_one(tmp_path, monkeypatch):
    found = tiny_images.write(paths.ROOT / "data" / "chest_xray")
    assert dataset.discover("full") == dataset.Source(found, "published JPEG")
    given = tiny_images.write(tmp_path / "my images" / "chest_xray")
    (tmp_path / "my images" / "__MACOSX" / "train").mkdir(parents=True)
    monkeypatch.setenv("CXR_DATA_DIR", str(given.parent))
    assert dataset.discover("full") == dataset.Source(given, "published JPEG")


def test_kagglehubs_cache_is_well_known(tmp_path):
    version = tmp_path / "cache/datasets/paultimothymooney/chest-xray-pneumonia/versions/2"
    root = tiny_images.write(version / "chest_xray")
    tiny_images.write(root / "chest_xray")  # Kaggle's archive holds the set a second time
    assert dataset.found() == root


def test_a_part_of_the_set_is_no_found_set_and_the_error_says_so():
    root = tiny_images.write(paths.ROOT / "data" / "chest_xray")
    (root / "train/NORMAL/IM-0001-0001.jpeg").unlink()
    assert dataset.found() is None
    with pytest.raises(CxrError, match="train/NORMAL holds 2 files instead of 3: set CXR_DATA_DIR"):
        dataset.discover("full")


def test_mendeleys_archive_has_the_val_images_in_train(tmp_path):
    root = tiny_images.write(tmp_path)
    for label in dataset.LABELS:
        for image in (root / "val" / label).iterdir():
            image.replace(root / "train" / label / image.name)
        (root / "val" / label).rmdir()
    assert dataset.difference(root) != ""
    (root / "val").rmdir()
    assert dataset.difference(root) == ""


def broken(root, what):
    """Break a whole set and return the sentence it must give."""
    if what == "absent":
        return root / "absent", "absent is no folder: set CXR_DATA_DIR"
    if what == "layout":
        (root / "test").rename(root / "testing")
        return root, "unknown layout: CXR_DATA_DIR must hold train/ and test/"
    if what == "class":
        (root / "test/NORMAL").rename(root / "test/HEALTHY")
        return root, "test/NORMAL is missing or empty"
    for image in (root / "val/PNEUMONIA").iterdir():
        image.rename(image.with_name(".DS_Store"))
    return root, "val/PNEUMONIA is missing or empty"


@pytest.mark.parametrize("what", ["absent", "layout", "class", "empty"])
def test_a_broken_layout_is_refused_before_work_starts(tmp_path, monkeypatch, what):
    root, sentence = broken(tiny_images.write(tmp_path / "given"), what)
    monkeypatch.setenv("CXR_DATA_DIR", str(root))
    assert dataset.resolve_profile() == "full"  # a wrong path must not turn into synthetic images in silence
    with pytest.raises(CxrError, match=sentence):
        dataset.discover("full")


def test_hidden_files_and_macos_folders_are_no_images(tmp_path):
    root = tiny_images.write(tmp_path)
    (root / "train/NORMAL/.DS_Store").touch()
    (root / "train/NORMAL/__MACOSX").mkdir()
    assert dataset.count(root) == tiny_images.COUNTS
    assert len(dataset.images(root)) == sum(tiny_images.COUNTS.values())


def test_no_network_is_one_sentence_with_both_sources(monkeypatch):
    monkeypatch.setattr(download, "reachable", lambda url: False)
    with pytest.raises(CxrError) as error:
        download.ensure()
    assert "Kaggle cannot be reached; Mendeley cannot be reached" in str(error.value)
    assert "set CXR_DATA_DIR" in str(error.value)
    assert "--profile smoke" in str(error.value)


def kaggle(monkeypatch, work):
    """Put `work(handle)` in kagglehub's place, behind an address that answers."""
    monkeypatch.setattr(download, "kagglehub", types.SimpleNamespace(dataset_download=work))
    monkeypatch.setattr(download, "reachable", lambda url: True)


def test_kaggles_copy_is_used_when_it_is_whole(monkeypatch):
    version = Path(os.environ["KAGGLEHUB_CACHE"], "datasets", PUBLISHED.kaggle_handle, "versions/2")
    kaggle(monkeypatch, lambda handle: str(tiny_images.write(version / "chest_xray").parent))
    assert download.ensure() == dataset.Source(version / "chest_xray", "published JPEG")
    kaggle(monkeypatch, lambda handle: pytest.fail("what is there was fetched again"))
    assert download.ensure().root == version / "chest_xray"


def test_a_kagglehub_that_brings_nothing_is_given_up(monkeypatch, mendeley):
    monkeypatch.setattr(download, "_KAGGLE_SECONDS", 0.1)
    kaggle(monkeypatch, lambda handle: time.sleep(60))
    mendeley.unlink()
    with pytest.raises(CxrError, match="Kaggle: kagglehub has brought nothing for 0.1 s; Mendeley: .* broke off"):
        download.ensure()


def test_a_kagglehub_that_still_brings_something_is_waited_for(monkeypatch, tmp_path):
    version = Path(os.environ["KAGGLEHUB_CACHE"], "datasets", PUBLISHED.kaggle_handle, "versions/2")

    def slow(handle):
        version.mkdir(parents=True)
        for place in range(4):
            (version / f"{place}.part").write_bytes(b"part")
            time.sleep(0.15)
        return str(tiny_images.write(version / "chest_xray").parent)

    kaggle(monkeypatch, slow)
    monkeypatch.setattr(download, "_KAGGLE_SECONDS", 0.25)
    assert download.ensure().root == version / "chest_xray"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder, and the address under which a host of this test's own serves what lies in it."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def mendeley(tmp_path, served, monkeypatch):
    """An archive of the tiny set behind the record's address, and a Kaggle that fails."""
    root = tiny_images.write(tmp_path / "packed" / "chest_xray")
    (root / ".DS_Store").touch()
    folder, host = served
    with zipfile.ZipFile(folder / "archive.zip", "w") as bundle:
        for path in sorted(root.rglob("*")):
            bundle.write(path, path.relative_to(root.parent))
    monkeypatch.setattr(download, "ARCHIVE", f"{host}/archive.zip")
    monkeypatch.setattr(download, "LISTING", f"{host}/list")

    def fail(handle):
        raise RuntimeError("429 too many requests.")

    kaggle(monkeypatch, fail)
    return folder / "archive.zip"


def test_mendeley_steps_in_when_kaggle_fails(mendeley):
    source = download.ensure()
    assert source == dataset.Source(paths.ROOT / "data" / "chest_xray", "published JPEG")
    assert [path.name for path in (paths.ROOT / "data").iterdir()] == ["chest_xray"]


def test_a_cut_archive_is_refused_and_leaves_nothing(mendeley):
    mendeley.write_bytes(mendeley.read_bytes()[:-200])
    with pytest.raises(CxrError, match="Kaggle: 429 too many requests; Mendeley: File is not a zip file"):
        download.ensure()
    assert list((paths.ROOT / "data").iterdir()) == []


def test_an_archive_without_all_images_is_refused(mendeley, monkeypatch):
    more = tiny_images.COUNTS | {("test", "NORMAL"): 234}
    monkeypatch.setattr(dataset, "DATASET", types.SimpleNamespace(**vars(dataset.DATASET) | {"counts": more}))
    with pytest.raises(CxrError, match="test/NORMAL holds 1 files instead of 234"):
        download.ensure()
    assert list((paths.ROOT / "data").iterdir()) == []


def test_a_silent_host_is_given_up_in_time(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        started = time.monotonic()
        assert not download.reachable(f"http://127.0.0.1:{server.getsockname()[1]}", seconds=0.3)
        # Looking up a name may take long, whatever the time limit of the socket.
        monkeypatch.setattr(requests, "head", lambda *_, **__: time.sleep(60))
        assert not download.reachable("https://example.org", seconds=0.3)
    assert time.monotonic() - started < 2


def test_an_answer_even_a_refusal_is_reachable(served):
    folder, host = served
    (folder / "page.html").touch()
    assert download.reachable(f"{host}/page.html") and download.reachable(f"{host}/nothing")
