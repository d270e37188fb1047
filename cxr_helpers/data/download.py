"""Fetch the real set: Kaggle first, Mendeley second, each checked film by film count before it is used."""

import http.client
import os
import shutil
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from cxr_helpers import paths
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError

KAGGLE = "https://www.kaggle.com"
_PROBE_SECONDS = 4
_CHUNK = 1 << 20  # bytes


def reachable(url: str, seconds: float = _PROBE_SECONDS) -> bool:
    """Tell within `seconds` whether anything answers at `url` (through a proxy where one is set)."""
    answered = threading.Event()

    def probe() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
            answered.set()
        except urllib.error.HTTPError:
            answered.set()  # a refusal of HEAD is an answer
        except (OSError, http.client.HTTPException):
            pass

    # In a thread of its own, because the time limit of a socket does not cover the name look-up.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()


def fetch() -> Path:
    """Download the set and return the folder that holds it.

    Raises:
        CxrError: neither source could be reached or gave the whole set; the sentence carries both reasons.
    """
    reasons = []
    for name, address, get in _sources():
        if not reachable(address):
            reasons.append(f"{name} cannot be reached")
            continue
        try:
            return _verified(get())
        except Exception as error:  # kagglehub raises many kinds; whichever it is, the second source is tried
            reasons.append(f"{name}: {str(error).rstrip('.') or type(error).__name__}")
    raise CxrError(
        f"The chest X-ray set could not be downloaded ({'; '.join(reasons)}): "
        "set CXR_DATA_DIR to a copy of its chest_xray folder, or use --profile smoke."
    )


def extract(archive: Path, folder: Path) -> None:
    """Unpack a zip archive below `folder`, without hidden files and macOS' resource forks.

    Raises:
        CxrError: the archive is damaged, or a member's path leads out of `folder` (nothing is unpacked then).
    """
    try:
        with zipfile.ZipFile(archive) as bundle:
            members = [member for member in bundle.infolist() if not member.is_dir()]
            for member in members:
                path = PurePosixPath(member.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts:
                    raise CxrError(f"{archive} holds the unsafe path {member.filename!r}: do not use it.")
            for member in tqdm(members, desc="unpacking", unit="file"):
                if not any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(member.filename).parts):
                    bundle.extract(member, folder)
    except zipfile.BadZipFile as error:
        raise CxrError(f"{archive} is no whole zip archive ({error}): delete it and fetch it anew.") from error


def _sources() -> list[tuple[str, str, Callable[[], Path]]]:
    return [("Kaggle", KAGGLE, _from_kaggle), ("Mendeley", dataset.DATASET.archive_url, _from_mendeley)]


def _verified(folder: Path) -> Path:
    root = dataset.locate(folder)
    difference = dataset.difference(root)
    if difference:
        raise CxrError(f"{root} is not the whole set ({difference}): delete it and fetch it anew.")
    return root


def _from_kaggle() -> Path:
    import kagglehub  # slow to import, and needed once

    return Path(kagglehub.dataset_download(dataset.DATASET.kaggle_handle))


def _from_mendeley() -> Path:
    """Download, unpack and check the archive in a draft folder, which becomes data/chest_xray only when whole."""
    target = paths.ROOT / "data" / "chest_xray"
    if target.exists():
        raise CxrError(f"{target} exists but is not the whole set: move it away.")
    draft = target.with_name(f".{os.getpid()}.chest_xray")
    draft.mkdir(parents=True)
    try:
        archive = draft / "archive.zip"
        _save(dataset.DATASET.archive_url, archive)
        extract(archive, draft / "unpacked")
        _verified(draft / "unpacked").replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _save(url: str, path: Path) -> None:
    """Stream `url` into a file with a progress bar; a transfer that ends early is an error."""
    # Some hosts turn Python's own name away.
    request = urllib.request.Request(url, headers={"User-Agent": "Mozilla/5.0"})
    with urllib.request.urlopen(request, timeout=30) as response, open(path, "wb") as handle:
        total = int(response.headers.get("Content-Length") or 0)
        with tqdm(total=total or None, desc="Mendeley", unit="B", unit_scale=True) as bar:
            while chunk := response.read(_CHUNK):
                handle.write(chunk)
                bar.update(len(chunk))
    if total and path.stat().st_size != total:
        raise CxrError(f"The download from {url} ended early: start it again.")
