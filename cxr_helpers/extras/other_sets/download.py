"""Fetch the real set: Kaggle's copy by kagglehub, else Mendeley's archive by pooch, its images counted before it is used."""

import shutil
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import requests

from cxr_helpers import paths
from cxr_helpers.base import files, lazy
from cxr_helpers.base.progress import say
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError

kagglehub = lazy.module("kagglehub")
pooch = lazy.module("pooch")
filelock = lazy.module("filelock")

KAGGLE = "https://www.kaggle.com"
_MENDELEY = "https://data.mendeley.com"
ARCHIVE = f"{_MENDELEY}/public-files/datasets/rscbjbr9sj/files/f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded"
LISTING = f"{_MENDELEY}/public-api/datasets/rscbjbr9sj/files?folder_id=root&version=2"  # its files with their SHA-256
_PROBE_SECONDS = 4
_SILENCE_SECONDS = 30  # after which a connection counts as broken
_KAGGLE_SECONDS = 60  # after which kagglehub is given up if it has brought nothing: what it mounts on Colab may never come
_ATTEMPTS = 3  # at the archive, each from its beginning
_HEADERS = {"User-Agent": "Mozilla/5.0"}  # some hosts turn Python's own name away


def ensure() -> dataset.Source:
    """Return the real set, downloaded first where none is at hand.

    Raises:
        CxrError: what is given cannot be used, or neither source could be reached or gave the whole set; the sentence
            carries both reasons.
    """
    if dataset.real():
        return dataset.discover("full")
    reasons = []
    for name, address, get in (("Kaggle", KAGGLE, _from_kaggle), ("Mendeley", ARCHIVE, _from_mendeley)):
        if not reachable(address):
            reasons.append(f"{name} cannot be reached")
            continue
        try:
            _check_whole(get())
            return dataset.discover("full")
        except Exception as error:  # kagglehub raises many kinds; whichever it is, the second source is tried
            reasons.append(f"{name}: {str(error).rstrip('.') or type(error).__name__}")
    raise CxrError(
        f"The chest X-ray set could not be downloaded ({'; '.join(reasons)}): "
        "set CXR_DATA_DIR to a copy of its chest_xray folder, or use --profile smoke."
    )


def reachable(url: str, seconds: float = _PROBE_SECONDS) -> bool:
    """Tell within `seconds` whether anything, a refusal too, answers at `url` (through a proxy where one is set)."""
    try:
        # The time limit of a socket does not cover the name look-up; that of a thread does.
        _in_thread(lambda: requests.head(url, timeout=seconds, headers=_HEADERS)).result(seconds)
    except OSError:  # TimeoutError and what requests raises are of that kind
        return False
    return True


def _in_thread(work: Callable[[], object]) -> Future:
    """Start `work` in a thread that nobody has to wait for, at the end of the program neither."""
    promise: Future = Future()

    def run() -> None:
        try:
            promise.set_result(work())
        except BaseException as error:
            promise.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return promise


def _check_whole(folder: Path) -> Path:
    """Return the root of the set below `folder`; one that lacks an image is a CxrError."""
    root = dataset.locate(folder)
    if difference := dataset.difference(root):
        raise CxrError(f"{root} is not the whole set ({difference}): delete it and fetch it anew.")
    return root


def _from_kaggle() -> Path:
    """Return kagglehub's folder; it is given up when for so long neither an answer nor another byte in its cache has come."""
    cache, held = dataset.kagglehub_cache(), -1
    answer = _in_thread(lambda: kagglehub.dataset_download(dataset.DATASET.kaggle_handle))
    while True:
        try:
            return Path(answer.result(_KAGGLE_SECONDS))
        except TimeoutError:
            now = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
            if answer.done() or now == held:
                raise CxrError(f"kagglehub has brought nothing for {_KAGGLE_SECONDS} s") from None
            held = now


def _from_mendeley() -> Path:
    """Download, check and unpack the archive beside data/chest_xray, which appears only when whole."""
    target = paths.ROOT / "data" / "chest_xray"
    if target.exists():
        raise CxrError(f"{target} exists but is not the whole set: move it away.")
    target.parent.mkdir(parents=True, exist_ok=True)
    paths.build("full").mkdir(parents=True, exist_ok=True)
    files.sweep(target)
    draft = files.draft_of(target)
    try:
        with filelock.FileLock(paths.build("full") / "download.lock", timeout=0):
            _unpack(draft)
            _check_whole(draft / "set").replace(target)
    except filelock.Timeout:
        raise CxrError(f"another process is downloading to {target}: wait for it") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _unpack(folder: Path) -> None:
    """Download the archive into `folder`, check it and unpack it to `folder`/set; a transfer that breaks off begins again."""
    pooch.get_logger().setLevel("WARNING")
    known = {"registry": {"set.zip": _published_sha256()}, "urls": {"set.zip": ARCHIVE}}
    shelf = pooch.create(folder, base_url="", **known, retry_if_failed=_ATTEMPTS - 1)
    bar = pooch.HTTPDownloader(progressbar=True, timeout=_SILENCE_SECONDS, headers=_HEADERS)
    try:
        archive = shelf.fetch("set.zip", downloader=bar)
    except requests.RequestException as error:
        raise CxrError(f"The download from {ARCHIVE} broke off {_ATTEMPTS} times: start it again.") from error
    except ValueError:
        raise CxrError(f"The archive's SHA-256 is not the one that {LISTING} names: fetch it anew.") from None
    with zipfile.ZipFile(archive) as bundle:
        bundle.extractall(folder / "set")  # no member's path leads out of it, whatever its name


def _published_sha256() -> str | None:
    """Return the archive's SHA-256 from its publisher's list; where that cannot be had, say what is checked instead."""
    try:
        listed = requests.get(LISTING, timeout=_SILENCE_SECONDS, headers=_HEADERS).json()
        details = [entry["content_details"] for entry in listed]
        (known,) = [entry["sha256_hash"] for entry in details if entry["download_url"] == ARCHIVE]
    except (OSError, ValueError, KeyError, TypeError):
        say(f"{LISTING} names no checksum of the archive; its own check sums and the number of images are checked.")
        return None
    return known.lower()
