"""Scores of images that training never saw, made with the saved models of runs (by the extras) and added to their records.

external.csv: image_id, patient_id, view, finding, y_true, y_score of the adult images. perturbed.csv.gz: image_id,
corruption, severity (0: as it is), y_score of the official test images. Nothing may be chosen on either.
perturbed_val.csv.gz: the same of the validation images, each corruption at one severity; configurations are chosen on it.
"""

import gzip
import io
import zlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import plugins
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import calibration
from cxr_helpers.records import Record
from cxr_helpers.training import members

EXTERNAL, PERTURBED, VALIDATION = "external.csv", "perturbed.csv.gz", "perturbed_val.csv.gz"
COLUMNS = {
    EXTERNAL: ["image_id", "patient_id", "view", "finding", "y_true", "y_score"],
    **dict.fromkeys((PERTURBED, VALIDATION), ["image_id", "perturbation", "severity", "y_score"]),
}
SPLITS = {PERTURBED: "test", VALIDATION: "val"}
_DIGITS = "%.7g"  # as in the records: sure scores lie so near 1 that four digits would tie them and change the AUC


def corrupted_validation(run: Record, profile: str) -> pd.DataFrame:
    """Return image_id ("image/corruption"), patient_id, split, y_true, y_score of a run's corrupted validation images.

    Raises:
        CxrError: as `of`.
    """
    (table,) = of([run], profile, VALIDATION)
    images = table[table.severity > 0].merge(run.split("val").drop(columns="y_score"), on="image_id", validate="many_to_one")
    return images.assign(image_id=images.image_id + "/" + images.perturbation)


def of(runs: Sequence[Record], profile: str, name: str) -> list[pd.DataFrame] | None:
    """Return the rescored images of runs, one table a run: the stored ones, or where there are none, new ones.

    `name` is `EXTERNAL`, `PERTURBED` or `VALIDATION`. None: the adult images are neither stored nor at hand.

    Raises:
        CxrError: a stored file cannot be read or is another run's, or there is none and the run's model is not here.
    """
    tables = [_table(run, profile, name) for run in runs]
    return None if any(table is None for table in tables) else tables


def encoded(table: pd.DataFrame, name: str) -> bytes:
    """Return rescored images as the file `name` holds them; equal tables give equal bytes."""
    content = table.to_csv(index=False, float_format=_DIGITS).encode()
    return gzip.compress(content, mtime=0) if name.endswith(".gz") else content


def _table(run: Record, profile: str, name: str) -> pd.DataFrame | None:
    """Return the rescored images of a run; of one that joins others, what it makes of theirs."""
    if run.config.model not in members.JOINING:
        if not run.has(name) and (name != EXTERNAL or paths.from_environment("CXR_EXTERNAL_DIR")):
            plugins.load("measurements", "rescore")(run, profile, [name])
        return _read(run, name) if run.has(name) else None
    tables = of(members.joined(run, profile), profile, name)
    if tables is None:
        return None
    keys = [column for column in tables[0] if column != "y_score"]
    aligned = [table.sort_values(keys, ignore_index=True) for table in tables]
    if any(not table[keys].equals(aligned[0][keys]) for table in aligned):
        raise CxrError(f"The runs that {run.run_id} joins hold {name} of different images; delete these files and `cxr rescore`.")
    score = np.mean([table.y_score for table in aligned], axis=0)
    return aligned[0].assign(y_score=calibration.at_temperature(score, run.info.get("temperature", 1.0)))


def _read(run: Record, name: str) -> pd.DataFrame:
    command = f"delete it and run `cxr rescore` for the experiment of run {run.run_id}"
    content, path = run.content(name), run.folder / name
    try:
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        table = pd.read_csv(io.BytesIO(plain), dtype={"patient_id": str}, keep_default_na=False)[COLUMNS[name]]
    except (OSError, ValueError, KeyError, EOFError, zlib.error) as error:
        raise CxrError(f"{path} cannot be read ({error}); {command}.") from error
    if name in SPLITS and set(table.image_id) != set(run.split(SPLITS[name]).image_id):
        raise CxrError(f"{path} holds other images than the run scored in split {SPLITS[name]}; {command}.")
    return table
