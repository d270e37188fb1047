"""The data set's record, where its images are found on this machine, and whether the results among the reports are theirs."""

import contextlib
import functools
import hashlib
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from cxr_helpers import paths
from cxr_helpers.base import plugins
from cxr_helpers.base.files import atomic_write
from cxr_helpers.config import one_of
from cxr_helpers.data import image_files
from cxr_helpers.errors import CxrError

FOLDERS = ("train", "val", "test")
LABELS = {"NORMAL": 0, "PNEUMONIA": 1}  # y_true
_SAMPLE = 24  # images whose size is looked up
_OTHER = (
    "{} holds the results of another set of images than {}: set CXR_ROOT to a new folder for the results of these images, or "
    "CXR_DATA_DIR to the set that the results are of."
)
SET_FILE = "set.json"  # beside the results of real images: the `names` of their set, and what `manifest.identity` says of it
_ALIKE = 0.1  # grey values by which copies of the whole published set may differ on average; those at hand do by 0.02

# What is published about the data set: where it comes from, and how many images each folder and class holds.
DATASET = SimpleNamespace(
    name="Guangzhou paediatric chest X-rays",
    citation="Kermany, Zhang, Goldbaum, Mendeley Data, version 2, 2018",
    doi="10.17632/rscbjbr9sj",
    kaggle_handle="paultimothymooney/chest-xray-pneumonia",
    counts=dict(zip(itertools.product(FOLDERS, LABELS), (1341, 3875, 8, 8, 234, 390), strict=True)),
)


class Source(NamedTuple):
    """A usable set of images: its `root` (train/, val/, test/ below) and what its `pixels` are."""

    root: Path
    pixels: str  # "published JPEG", "224×224 copy", "files of several sizes" (own images) or "synthetic image"


def resolve_profile(profile: str = "auto") -> str:
    """Return "full" or "smoke"; "auto" follows CXR_PROFILE, else takes "full" where a real set is at hand."""
    if profile == "auto":
        profile = os.environ.get("CXR_PROFILE") or "auto"
    one_of("profile", profile, ("full", "smoke", "auto"))
    if profile == "auto":
        return "full" if paths.from_environment("CXR_DATA_DIR") or found() else "smoke"
    return profile


def discover(profile: str) -> Source:
    """Return the images of `profile`: given by CXR_DATA_DIR, else found (or a CxrError); for "smoke" a plug-in draws them."""
    if resolve_profile(profile) == "smoke":
        return Source(plugins.load("sets", "synthetic")(paths.build("smoke")), "synthetic image")
    if root := real():
        return Source(root, _pixels(root))
    partial = [f"; {root} is not the whole set: {difference(root)}" for root in _candidates()[:1]]
    raise CxrError(
        f"The chest X-ray set was not found{''.join(partial)}: set CXR_DATA_DIR to its chest_xray folder, "
        "run `cxr prepare` with a network, or use --profile smoke."
    )


def real() -> Path | None:
    """Return the root of the real set, given by CXR_DATA_DIR (a broken layout is a CxrError) or found, or None."""
    given = paths.from_environment("CXR_DATA_DIR")
    return locate(given) if given else found()


def found() -> Path | None:
    """Return the root of the first whole set (every published image present) in a well-known folder, or None."""
    return next((root for root in _candidates() if not difference(root)), None)


def difference(root: Path) -> str:
    """Say where the number of files below `root` differs from the published one; "" where the set is whole.

    Mendeley's archive has the 16 images of Kaggle's val/ among its train/, which is whole too.
    """
    here, published = count(root), dict(DATASET.counts)
    if not (root / "val").is_dir():
        for label in LABELS:
            published["train", label] += published.pop(("val", label))
    return ", ".join(
        f"{folder}/{label} holds {here[folder, label]} files instead of {number}"
        for (folder, label), number in published.items()
        if here[folder, label] != number
    )


def locate(folder: Path) -> Path:
    """Return the folder at or up to two levels below `folder` that holds train/ and test/.

    Another layout, or a missing or empty class folder, is a CxrError.
    """
    if not folder.is_dir():
        raise CxrError(f"{folder} is no folder: set CXR_DATA_DIR to the chest_xray folder that holds train/ and test/.")
    for level in ("train", "*/train", "*/*/train"):
        for train in sorted(folder.glob(level)):
            if not (train.parent / "test").is_dir() or "__MACOSX" in train.parts:
                continue
            for key, number in count(root := train.parent).items():
                if not number and (key[0] != "val" or (root / "val").is_dir()):  # Mendeley's archive has no val/
                    raise CxrError(f"{root.joinpath(*key)} is missing or empty: put its images there, or fetch the set anew.")
            return root
    raise CxrError(
        f"{folder} has an unknown layout: CXR_DATA_DIR must hold train/ and test/ with NORMAL/ and PNEUMONIA/ in each."
    )


def visible(folder: Path) -> list[Path]:
    """Return the entries of `folder` sorted by name, without hidden ones and macOS' resource folders."""
    return sorted(entry for entry in folder.iterdir() if entry.name[0] != "." and entry.name != "__MACOSX")


def images(root: Path) -> list[Path]:
    """Return every visible entry of the class folders below `root`, sorted by path."""
    folders = [root / folder / label for folder in sorted(FOLDERS) for label in sorted(LABELS)]
    return [entry for folder in folders if folder.is_dir() for entry in visible(folder)]


def count(root: Path) -> dict[tuple[str, str], int]:
    """Return the number of files by (folder, label), in the order of `DATASET.counts`."""
    folders = {key: root.joinpath(*key) for key in DATASET.counts}
    return {key: len(visible(folder)) if folder.is_dir() else 0 for key, folder in folders.items()}


def kagglehub_cache() -> Path:
    """Return the folder into which kagglehub downloads."""
    return Path(os.environ.get("KAGGLEHUB_CACHE") or os.path.expanduser("~/.cache/kagglehub"))


def _candidates() -> list[Path]:
    """Return the roots of every set, whole or not, beside the project, in kagglehub's cache, on Kaggle and on Colab."""
    versions = kagglehub_cache() / "datasets" / DATASET.kaggle_handle / "versions"
    hosted = ("/kaggle/input/chest-xray-pneumonia", "/content/chest_xray", "/content/chest-xray-pneumonia")
    here = (paths.ROOT / "data" / "chest_xray", paths.ROOT / "chest_xray")
    roots = []
    for folder in (*here, *sorted(versions.glob("[0-9]*"), reverse=True), *map(Path, hosted)):
        with contextlib.suppress(CxrError):
            roots.append(locate(folder))
    return roots


def _pixels(root: Path) -> str:
    """Tell images whose sizes vary from a copy of one size, by the headers of a few; published ones by their number, too."""
    sizes, entries = set(), images(root)
    for path in entries[:: max(1, len(entries) // _SAMPLE)]:
        with contextlib.suppress(image_files.Refused):
            sizes.add(image_files.size(path))
    if len(sizes) == 1:
        width, height = sizes.pop()
        return f"{width}×{height} copy"
    return "files of several sizes" if difference(root) else "published JPEG"


def check_results(profile: str, identity: Callable[[], dict] | None = None) -> None:
    """Refuse (CxrError) the results in the reports folder where they are of another set than the real images at hand.

    A set is known by its files' names, and by `identity` (`manifest.identity`) where that is given. Copies of the published
    set in another size, whose greys are alike, are the same set. Where no images are at hand, nothing is refused.
    """
    if profile != "full":
        return
    _check_names(paths.reports(profile), os.environ.get("CXR_DATA_DIR"))
    stored, root = (_stored(paths.reports(profile)), real()) if identity else ({}, None)
    # The names of a set of one's own are often numbers, as those of another one.
    if stored and root and (said := identity())["data_hash"] != stored["data_hash"]:
        greys = [each["grey"] for each in (stored, said) if "grey" in each]
        if difference(root) or greys and max(greys) - min(greys) > _ALIKE:
            raise CxrError(_OTHER.format(paths.reports(profile), root))


def claim_results(profile: str, identity: Callable[[], dict]) -> None:
    """Note that the results in the reports folder are of the images at hand, where they are nobody's; else `check_results`."""
    check_results(profile, identity)
    path = paths.reports(profile) / SET_FILE
    if profile == "full" and not path.exists() and (root := real()):
        atomic_write(path, json.dumps({"names": _names(root)} | identity(), indent=1) + "\n")


def _stored(reports: Path) -> dict[str, object]:
    """Return what is noted of the set that the results in a reports folder are of, {} where there are none."""
    path = reports / SET_FILE
    runs = (run.read_text(errors="replace") for run in reports.glob("runs/*/run.json"))
    if not (path.is_file() or any(reports.glob("splits/*")) or any('"data_hash"' in run and '"kermany"' in run for run in runs)):
        return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {name: said[name] for name in ("names", "data_hash")} | said
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "restore it from git, or set CXR_ROOT to a new folder"
        raise CxrError(f"{path} does not say of which images the results beside it are ({error}); {remedy}.") from error


@functools.lru_cache(maxsize=8)  # asked for every record that is read
def _check_names(reports: Path, given: str | None) -> None:
    if (root := real()) and (stored := _stored(reports)) and _names(root) != stored["names"]:
        raise CxrError(_OTHER.format(reports, root))


def _names(root: Path) -> str:
    """Return the SHA-256 over the names of a set's images; where the published set has its val/ is no difference."""
    names = (path.relative_to(root).with_suffix("").as_posix() for path in images(root))
    lines = sorted(name.removeprefix("val/") if name.startswith("val/") else name.removeprefix("train/") for name in names)
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()
