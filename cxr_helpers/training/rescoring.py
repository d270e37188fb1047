"""Scores of images that training never saw, made with the saved models of runs (by the extras) and added to their records.

external.csv: image_id, patient_id, view, finding, y_true, y_score of the adult images; nothing may be chosen on it.
perturbed_val.csv.gz: image_id, perturbation, severity (0: as it is), y_score of validation images; models are chosen on it.
Of the final model also nih.csv.gz and rsna_lungs.csv.gz, in the form of external.csv with `age` (`finding` is the radiologists'
class) and for the lungs `by_mask` (P(opacity) by the mask's shape alone); adapted.csv: image_id, method, y_score of test images.
"""

import io

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import plugins
from cxr_helpers.errors import CxrError
from cxr_helpers.records import Record
from cxr_helpers.training import members

EXTERNAL, VALIDATION = "external.csv", "perturbed_val.csv.gz"
NIH, LUNGS, ADAPTED = "nih.csv.gz", "rsna_lungs.csv.gz", "adapted.csv"


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
    if run.config.model not in members.JOINING:
        if name != EXTERNAL or paths.from_environment("CXR_EXTERNAL_DIR"):
            plugins.load("measurements", "rescore")(run, profile, [name])
        return stored(run, name)
    tables = [of(member, profile, name) for member in members.joined(run, profile)]
    if any(table is None for table in tables):
        return None
    keys = [column for column in tables[0] if column != "y_score"]
    aligned = [table.sort_values(keys, ignore_index=True) for table in tables]
    if any(not table[keys].equals(aligned[0][keys]) for table in aligned):
        raise CxrError(f"The runs that {run.run_id} joins hold {name} of different images; delete these files and `cxr rescore`.")
    return aligned[0].assign(y_score=members.at_temperature(run, [table.y_score for table in aligned]))


def stored(run: Record, name: str) -> pd.DataFrame | None:
    """Return the images of one of the run's own files, None where it has none; a changed file is a CxrError."""
    if not run.has(name):
        return None
    compression = "gzip" if name.endswith(".gz") else None
    content = io.BytesIO(run.content(name))
    return pd.read_csv(content, dtype={"patient_id": str}, keep_default_na=False, compression=compression)
