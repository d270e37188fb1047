"""How often `cxr predict` warns: of frontal films, where it should not, and of the same films changed, where it should."""

import numpy as np
import pandas as pd

from cxr_helpers.data import external, frontal, manifest, packing
from cxr_helpers.evaluation import agreement
from cxr_helpers.tables import results

# Set -> what is done to a film (H, W) of it; what the rules should do with the result.
TEST, ADULT = "official test films", "adult films"
CHANGED = {
    "test films, inverted": np.invert,
    "test films, turned by 90°": np.rot90,
    "test films, upside down": np.flipud,
}


def measure(profile: str) -> pd.DataFrame:
    """Return one row per film: set, patient_id, the figures of `frontal`, and `warned` (0 or 1).

    The rules are learnt from the training folder's films here as by `cxr publish`; adult films are there where
    CXR_EXTERNAL_DIR names them.
    """
    films = manifest.load(profile)
    thumbnails = packing.load(profile, frontal.SIDE)
    rules = frontal.learn(thumbnails[films.folder == "train"])
    test = films[films.folder == "test"]
    rows = []
    for name, change in {TEST: np.asarray, **CHANGED}.items():
        for patient, film in zip(test.patient_id, thumbnails[test.index], strict=True):
            rows.append(_row(name, patient, np.ascontiguousarray(change(film)), rules))
    folder = external.folder()
    for film in external.films(folder).itertuples() if folder else ():
        rows.append(_row(ADULT, film.patient_id, external.film(folder, film.image), rules))
    return pd.DataFrame(rows)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each set that is warned of, with its 95 % interval over patients: figure, value, ci_low, ci_high."""
    groups = repeats.groupby("set", sort=False)
    shares = {name: agreement.mean_interval(part.warned.to_numpy(float), part.patient_id.to_numpy()) for name, part in groups}
    return pd.DataFrame(shares).T.rename_axis("figure").reset_index()


def table(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row per set: the share that is warned of, its interval, and whether a warning is right there."""
    interval = [results.interval(row) for row in figures.itertuples()]
    rows = pd.DataFrame({"films": figures.figure, "warned of": figures.value, "95 % CI": interval})
    return rows.assign(**{"a warning is": figures.figure.isin(list(CHANGED)).map({True: "right", False: "wrong"})})


def _row(name: str, patient: str, film: np.ndarray, rules: frontal.Rules) -> dict:
    warned = int(bool(frontal.warning(film, rules)))
    return {"set": name, "patient_id": patient, "warned": warned} | frontal.figures(film, rules.chest)
