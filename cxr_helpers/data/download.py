"""Fetch the real set: Kaggle first, Mendeley second, each checked image by image count before it is used."""

import errno
import fcntl
import hashlib
import http.client
import json
import lzma
import shutil
import struct
import threading
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from cxr_helpers import paths
from cxr_helpers.base import files
from cxr_helpers.base.progress import say
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError

KAGGLE = "https://www.kaggle.com"
_PROBE_SECONDS = 4
_SILENCE_SECONDS = 30  # after which a connection counts as broken
_CHUNK = 1 << 20  # bytes
LARGEST = 5_000_000_000  # bytes of an unpacked set; the published one has 1.2 billion
# What Python's reader of zip archives raises on damaged ones, encrypted members and unknown compressions among them.
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError)


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
        CxrError: the archive is damaged; a member's path leads out of `folder`, or all would unpack to more than
            `LARGEST` bytes (nothing is unpacked then).
    """
    try:
        with zipfile.ZipFile(archive) as bundle:
            members = [member for member in bundle.infolist() if not member.is_dir()]
            for member in members:
                path = PurePosixPath(member.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts:
                    raise CxrError(f"{archive} holds the unsafe path {member.filename!r}: do not use it.")
            # No more than the size that it names is read of a member, whatever it unpacks to.
            if (size := sum(member.file_size for member in members)) > LARGEST:
                raise CxrError(f"{archive} would unpack to {size / 1e9:,.0f} GB, more than {LARGEST / 1e9:.0f}: do not use it.")
            for member in tqdm(members, desc="unpacking", unit="file"):
                if not any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(member.filename).parts):
                    bundle.extract(member, folder)
    except OSError as error:
        if error.errno not in (None, errno.ENAMETOOLONG):  # a full disk, say; a damaged bzip2 stream has no number
            raise
        raise CxrError(f"{archive} is no whole zip archive ({error}): delete it and fetch it anew.") from error
    except _DAMAGED as error:
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
    """Download, check and unpack the archive beside data/chest_xray, which appears only when whole.

    What a cut transfer has brought stays in `.chest_xray.zip.part`, and the next one goes on from there.
    """
    target = paths.ROOT / "data" / "chest_xray"
    if target.exists():
        raise CxrError(f"{target} exists but is not the whole set: move it away.")
    archive = target.with_name(".chest_xray.zip.part")
    archive.parent.mkdir(parents=True, exist_ok=True)
    files.sweep(target)
    draft = files.draft_of(target)
    with open(archive, "ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CxrError(f"another process is downloading to {archive}: wait for it.") from None
        _save(dataset.DATASET.archive_url, archive)
        try:
            _check_sum(archive, dataset.DATASET)
            extract(archive, draft)
            _verified(draft).replace(target)
            files.sync_folder(target.parent)
        except CxrError:
            archive.unlink()  # it came whole and is not what was asked for
            raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    archive.unlink()
    return target


def _save(url: str, path: Path) -> None:
    """Stream `url` into a file with a progress bar, from where the file ends, where the host can do that.

    A connection that breaks is taken up again as long as each attempt brings something.
    """
    while True:
        before = path.stat().st_size
        try:
            total = _append(url, path)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) or path.stat().st_size <= before:
                raise
            continue
        size = path.stat().st_size
        if not total or size == total:
            return
        if size <= before or size > total:
            raise CxrError(f"The download from {url} ended early ({size:,} of {total:,} bytes): start it again.")


def _append(url: str, path: Path) -> int:
    """Append to a file what `url` has beyond it; return how many bytes it has in all, 0 where the host does not say."""
    have = path.stat().st_size
    # Some hosts turn Python's own name away.
    request = urllib.request.Request(url, headers={"User-Agent": "Mozilla/5.0", "Range": f"bytes={have}-"})
    if not have:
        request.remove_header("Range")
    try:
        response = urllib.request.urlopen(request, timeout=_SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:  # nothing is left
            return have
        raise
    with response:
        goes_on = getattr(response, "status", None) == http.client.PARTIAL_CONTENT
        rest = int(response.headers.get("Content-Length") or 0)
        total = rest and rest + have * goes_on
        bar = tqdm(total=total or None, initial=have * goes_on, desc="Mendeley", unit="B", unit_scale=True)
        with open(path, "ab" if goes_on else "wb") as handle, bar:
            while chunk := response.read1(_CHUNK):  # what has come, so that a break loses none of it
                handle.write(chunk)
                bar.update(len(chunk))
    return total


def _check_sum(archive: Path, record: dataset.Dataset) -> None:
    """Compare a file with the SHA-256 that its publisher lists; where the list cannot be had, say what is checked instead."""
    try:
        with urllib.request.urlopen(record.listing_url, timeout=_SILENCE_SECONDS) as response:
            details = [entry["content_details"] for entry in json.load(response)]
        (listed,) = [entry["sha256_hash"] for entry in details if entry["download_url"] == record.archive_url]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        say(f"{record.listing_url} does not tell the archive's checksum; its own check sums and the number of images are checked.")
        return
    with open(archive, "rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if found != listed.lower():
        expected = f"not {listed[:12]}…, as {record.listing_url} says"
        raise CxrError(f"The archive's SHA-256 is {found[:12]}… and {expected}: fetch it anew.")
