"""Runs that join others, and scores of images that training never saw, made with saved models (by the extras), in the records.

external.csv: image_id, patient_id, view, finding, y_true, y_score of the adult images; nothing may be chosen on it.
perturbed_val.csv.gz: image_id, perturbation, severity (0: as it is), y_score of validation images; models are chosen on it.
Of the final model also nih.csv.gz and rsna_lungs.csv.gz, in the form of external.csv with `age` (`finding` is the radiologists'
class) and for the lungs `by_mask` (P(opacity) by the mask's shape alone); adapted.csv: image_id, method, y_score of test images.
"""

import io

import numpy as np
import pandas as pd

from cxr_helpers import paths, records
from cxr_helpers.base import plugins
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record

EXTERNAL, VALIDATION = "external.csv", "perturbed_val.csv.gz"
NIH, LUNGS, ADAPTED = "nih.csv.gz", "rsna_lungs.csv.gz", "adapted.csv"
JOINING = ("ensemble", "calibrated")  # models whose score is a function of their members' scores
_ROUNDING = 1e-5  # of stored scores, which have seven digits


def aligned(runs: list[Record]) -> list[pd.DataFrame]:
    """Return the runs' scores with equal rows in equal order, by split and image_id; other images or sets are a CxrError."""
    tables = [run.scores.sort_values(["split", "image_id"], ignore_index=True) for run in runs]
    keys = ["image_id", "split", "y_true"]
    for run, table in zip(runs, tables, strict=True):
        if run.info["data_hash"] != runs[0].info["data_hash"] or not table[keys].equals(tables[0][keys]):
            names = f"{runs[0].run_id} and {run.run_id}"
            raise CxrError(f"Runs {names} were scored on different images; train both anew with --retrain, on one set.")
    return tables


def joined(run: Record, profile: str) -> list[Record]:
    """Return the runs that the run of an ensemble or a calibrated experiment joins; one trained anew is a CxrError."""
    found = [records.read(paths.runs(profile) / member) for member in run.info["members"]]
    if run.config.model in JOINING:
        own, *theirs = (table.y_score for table in aligned([run, *found]))
        if not np.allclose(own, at_temperature(run, theirs), rtol=0, atol=_ROUNDING):
            raise CxrError(f"Run {run.run_id} joins scores that its members no longer have; train it anew with --retrain.")
    return found


def at_temperature(run: Record, scores: list[pd.Series]) -> np.ndarray:
    """Return what a run makes of the scores of what it joins, one array a member: their mean, at its temperature."""
    return metrics.at_temperature(np.mean(scores, axis=0), run.info.get("temperature", 1.0))


def networks(run: Record, profile: str) -> list[Record]:
    """Return the runs of single networks behind a run: itself, or those behind what it joins."""
    if run.config.model not in JOINING:
        return [run]
    return [network for member in joined(run, profile) for network in networks(member, profile)]


def corrupted_validation(run: Record, profile: str) -> pd.DataFrame:
    """Return image_id ("image/corruption"), patient_id, split, y_true, y_score of corrupted validation images; errors as `of`."""
    table = of(run, profile, VALIDATION)
    images = table[table.severity > 0].merge(run.split("val").drop(columns="y_score"), on="image_id", validate="many_to_one")
    return images.assign(image_id=images.image_id + "/" + images.perturbation)


def of(run: Record, profile: str, name: str) -> pd.DataFrame | None:
    """Return the rescored images of a run: the stored ones, else new ones; of one that joins others, what it makes of theirs.

    `name` is `EXTERNAL` or `VALIDATION`. None: the adult images are neither stored nor at hand.

    Raises:
        CxrError: a stored file was changed, or there is none and the run's model is not here.
    """
    if (found := stored(run, name)) is not None:
        return found
    if run.config.model not in JOINING:
        if name != EXTERNAL or paths.from_environment("CXR_EXTERNAL_DIR"):
            plugins.load("measurements", "rescore")(run, profile, [name])
        return stored(run, name)
    tables = [of(member, profile, name) for member in joined(run, profile)]
    if any(table is None for table in tables):
        return None
    keys = [column for column in tables[0] if column != "y_score"]
    tables = [table.sort_values(keys, ignore_index=True) for table in tables]
    if any(not table[keys].equals(tables[0][keys]) for table in tables):
        raise CxrError(f"The runs that {run.run_id} joins hold {name} of different images; delete these files and `cxr rescore`.")
    return tables[0].assign(y_score=at_temperature(run, [table.y_score for table in tables]))


def stored(run: Record, name: str) -> pd.DataFrame | None:
    """Return the images of one of the run's own files, None where it has none; a changed file is a CxrError."""
    if not run.has(name):
        return None
    compression = "gzip" if name.endswith(".gz") else None
    content = io.BytesIO(run.content(name))
    return pd.read_csv(content, dtype={"patient_id": str}, keep_default_na=False, compression=compression)
