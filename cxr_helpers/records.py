"""Run records: what a training run leaves behind, and the only thing that tables and figures read."""

import dataclasses
import gzip
import hashlib
import io
import json
import shutil
from pathlib import Path

import pandas as pd

from cxr_helpers import experiments, paths
from cxr_helpers.base import files, stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.config import Config
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError

SCORE_COLUMNS = ["image_id", "patient_id", "split", "y_true", "y_score"]
PLAIN_LIMIT = 100_000  # bytes; larger score files are compressed
FORMAT = 2  # of run.json; 1, which does not say so, had no hash of its own content
ADDED = "added.json"  # the files that came later, in the form of run.json's own list: name -> SHA-256
_TEXT = dict.fromkeys(("image_id", "patient_id"), str)  # whatever it looks like: 012 is not 12, and NA is a name
Product = tuple[dict, dict[str, pd.DataFrame]]  # of making an experiment: what run.json says; tables by name ("scores", ...)
RESTORE = "restore it from git or train the run again with --retrain"


def model_path(profile: str, run_id: str) -> Path:
    """Return where the trained model of a run lies (it is not committed)."""
    return paths.build(profile) / "models" / f"{run_id}.keras"


@dataclasses.dataclass(frozen=True)
class Record:
    """One run's record.

    `info` is run.json. `scores` has the columns image_id, patient_id, split (val, test or external), y_true
    (1 = PNEUMONIA) and y_score (P(PNEUMONIA) in [0, 1]), the table "history" epoch, loss, accuracy, val_loss and val_accuracy;
    experiments of another kind have other tables, see their makers.
    `ADDED` lists what is computed later from a run's model (`add`), so that run.json stays as the run wrote it.
    """

    folder: Path
    config: Config
    info: dict
    _tables: dict[str, pd.DataFrame] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def run_id(self) -> str:
        """Return the name of the run."""
        return self.info["run_id"]

    @property
    def scores(self) -> pd.DataFrame:
        """Return the stored scores of validation and test images."""
        return self.table("scores")

    @property
    def files(self) -> dict[str, str]:
        """Return name -> SHA-256 (hex) of all files but run.json: the run's, `ADDED` (a broken one is a CxrError), its own."""
        path = self.folder / ADDED
        if not path.is_file():
            return self._own
        content = path.read_bytes()
        try:
            added = json.loads(content)["files"]
            if content != _added(added):
                raise ValueError("its hash differs")
        except (ValueError, KeyError, TypeError) as error:
            raise CxrError(f"{path} is not as it was written ({error}); restore it from git or delete it.") from error
        return self._own | {ADDED: hashlib.sha256(content).hexdigest()} | added

    @property
    def _own(self) -> dict[str, str]:
        """Return name -> SHA-256 (hex) of the files that the run left."""
        return self.info.get("files", {})

    @property
    def names(self) -> set[str]:
        """Return the names of the tables that the run left."""
        return {file.split(".")[0] for file in self._own}

    def table(self, name: str) -> pd.DataFrame:
        """Return a stored table; one that the record lacks, or that was changed by hand, is a CxrError."""
        if name not in self._tables:
            file = next((file for file in self._own if file.split(".")[0] == name), None)
            if file is None:
                raise CxrError(f"{self.folder} holds no table {name!r}; train the run again with --retrain.")
            content = gzip.decompress(self.content(file)) if file.endswith(".gz") else self.content(file)
            # An empty cell is a gap, except in `_TEXT`.
            gaps = {column: "" for column in pd.read_csv(io.BytesIO(content), nrows=0) if column not in _TEXT}
            self._tables[name] = pd.read_csv(io.BytesIO(content), dtype=_TEXT, keep_default_na=False, na_values=gaps)
        return self._tables[name]

    def split(self, name: str) -> pd.DataFrame:
        """Return the scores of one split ("val", "test", "external")."""
        return self.scores[self.scores.split == name].reset_index(drop=True)

    def content(self, name: str) -> bytes:
        """Return the bytes of one of the record's files (`files`); one that is missing or changed is a CxrError."""
        remedy = RESTORE
        if name not in self._own:  # whose hash run.json does not hold
            stored_results.note(self.folder / ADDED)
            remedy = "restore it from git, or delete it and make it again"
        try:
            content = (self.folder / name).read_bytes()
        except FileNotFoundError:
            raise CxrError(f"{self.folder / name} is missing; {remedy}.") from None
        if hashlib.sha256(content).hexdigest() != (self._own.get(name) or self.files.get(name)):
            raise CxrError(f"{self.folder / name} is not what run {self.run_id} wrote (its SHA-256 differs); {remedy}.")
        return content

    def has(self, name: str) -> bool:
        """Tell whether a file lies in the record and is listed; one that a killed process wrote and did not list is not there."""
        return name in self.files and (self.folder / name).is_file()

    def add(self, name: str, content: bytes) -> None:
        """Store a file beside those of the run, under its hash; one of that name that was added before is replaced."""
        if name in ("run.json", ADDED, *self._own):
            raise CxrError(f"{name} is a file of run {self.run_id} itself; give another name.")
        later = {file: digest for file, digest in self.files.items() if file not in (ADDED, *self._own)}
        atomic_write(self.folder / name, content)
        atomic_write(self.folder / ADDED, _added(later | {name: hashlib.sha256(content).hexdigest()}))


def _added(later: dict[str, str]) -> bytes:
    """Return the content of `ADDED`, which has a hash of its own."""
    return encoded({"files": dict(sorted(later.items())), "files_sha256": _digest(later)})


def encoded(info: dict) -> bytes:
    """Return what a run says as run.json holds it."""
    return (json.dumps(info, indent=2, ensure_ascii=False) + "\n").encode()


def write(config: Config, profile: str, info: dict, tables: dict[str, pd.DataFrame], runs: Path | None = None) -> Record:
    """Store a run's record in `runs` (by default the profile's) whole: written beside the old one, which it then replaces."""
    if runs is None and "data_hash" in info and config.data == "kermany":
        dataset.claim_results(profile, lambda: {"data_hash": info["data_hash"]})
    folder = (runs or paths.runs(profile)) / config.run_id
    files.sweep(folder)
    draft = files.draft_of(folder)
    content = {}
    for name, table in tables.items():
        columns = SCORE_COLUMNS + [column for column in table if column == "label"] if name == "scores" else list(table)
        data = table[columns].to_csv(index=False, float_format="%.7g").encode()
        large = len(data) > PLAIN_LIMIT
        content[f"{name}.csv.gz" if large else f"{name}.csv"] = gzip.compress(data, mtime=0) if large else data
    for name, data in content.items():
        atomic_write(draft / name, data)
    own = {"format": FORMAT, "run_id": config.run_id, "config": dataclasses.asdict(config), "config_hash": config.key}
    info = own | info | {"files": {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}}
    info["info_sha256"] = _digest(info)
    atomic_write(draft / "run.json", encoded(info))
    old = files.draft_of(folder.with_name(f"{folder.name}.old"))
    if folder.exists():  # aside in one step: a folder that is being removed would look like a record
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return read(folder)


def read(folder: Path) -> Record:
    """Read the record in `folder`; a run.json that is broken, foreign, of another format or changed by hand is a CxrError."""
    path = folder / "run.json"
    stored_results.note(path)  # it has the hashes of all the record's files
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        if (number := info.get("format", 1)) != FORMAT:
            raise CxrError(f"Its format is {number}, and this version reads format {FORMAT}; {RESTORE}, or update the checkout.")
        config = Config(**info["config"])
        whole = config.run_id == folder.name and info["info_sha256"] == _digest(info)
    except CxrError as error:
        raise CxrError(f"{path} cannot be used. {error}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CxrError(f"{path} is not a run record ({error}); restore it from git or remove its folder.") from error
    if not whole:
        raise CxrError(f"{path} is not what the run wrote (its hash differs); {RESTORE}.")
    return Record(folder, config, info)


def _digest(info: dict) -> str:
    """Return the SHA-256 of what run.json says, in whatever layout."""
    said = {name: value for name, value in info.items() if name != "info_sha256"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def load(config: Config, profile: str, runs: Path | None = None) -> Record | None:
    """Return the record that answers for `config`, or None where none exists; `runs` as for `write`."""
    dataset.check_results(profile)
    folder = (runs or paths.runs(profile)) / config.run_id
    return read(folder) if (folder / "run.json").is_file() else None


def every(profile: str) -> list[Record]:
    """Return all records of a profile, sorted by run name."""
    dataset.check_results(profile)
    return [read(path.parent) for path in sorted(paths.runs(profile).glob("[!.]*/run.json"))]


def of(name: str, profile: str, seed: int | None = None) -> list[Record]:
    """Return an experiment's records, one per protocol and seed, or only those of `seed`; a missing one is a CxrError."""
    configs = experiments.get(name, profile).configs
    found = [load(config, profile) for config in configs if seed in (None, config.seed)]
    if not found or None in found:
        kind, option = ("complete record", "") if seed is None else (f"record of seed {seed}", f" --seed {seed}")
        raise CxrError(f"Experiment {name} has no {kind}; run `cxr train {name}{option} --profile {profile}`.")
    return found


def recorded(experiment: experiments.Experiment, profile: str) -> bool:
    """Tell whether every configuration of an experiment has a record."""
    return all((paths.runs(profile) / config.run_id / "run.json").is_file() for config in experiment.configs)
