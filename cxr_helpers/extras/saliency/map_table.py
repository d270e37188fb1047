"""From the values of every map to two tables: means with their intervals, and paired differences from the controls."""

import functools
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers.base.files import atomic_write
from cxr_helpers.evaluation import bootstrap
from cxr_helpers.extras.saliency import controls, methods
from cxr_helpers.extras.saliency import map_measures as names
from cxr_helpers.extras.saliency.explained_networks import CROPPED, FINAL, RANDOM, WHOLE
from cxr_helpers.extras.statistics import paired

DRAWS = 2000  # of the bootstrap over patients
ABOUT = ["method", "model", "data", "image_id", "patient_id", "right"]
CUT_MODEL = ", cut"  # after the name of a network whose maps were cut to the lungs' box


def write(profile: str, values: pd.DataFrame, about: dict) -> Path:
    """Store the values and both tables, and `about` beside the first; return its path."""
    path, stored = names.path(profile), values.to_csv(index=False, float_format="%.4g").encode()
    atomic_write(names.values_path(profile), gzip.compress(stored, mtime=0))
    rows = long(values)
    atomic_write(path.with_suffix(".json"), json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    atomic_write(path, measures(rows)[names.COLUMNS].to_csv(index=False, float_format="%.6g"))
    compared = comparisons(rows)[names.COMPARED].to_csv(index=False, float_format="%.4g")
    atomic_write(path.with_name(names.COMPARISONS), compared)
    return path


def long(values: pd.DataFrame) -> pd.DataFrame:
    """Return one row a map and measure; a map that was cut to the lungs' box is one of a network of its own."""
    rows = values.melt(ABOUT, var_name="measure").dropna(subset="value")
    cut = rows.measure.str.startswith(names.CUT)
    rows["model"] = rows.model.where(~cut, rows.model + CUT_MODEL)
    return rows.assign(measure=rows.measure.str.removeprefix(names.CUT))


def measures(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row a method, network, set and measure: the mean with its interval over patients.

    A set is listed three times: the images on which the network is right, all (`names.ALL`), and of the first those that
    every method has (`names.SAME`).
    """
    sizes = rows.groupby(["data", "model", "image_id"]).method.transform("nunique")
    every = sizes == sizes.groupby([rows.data, rows.model]).transform("max")
    found = []
    for suffix, taken in {"": rows.right == 1, names.ALL: rows.right >= 0, names.SAME: (rows.right == 1) & every}.items():
        for (method, model, data, measure), part in rows[taken].groupby(["method", "model", "data", "measure"], sort=False):
            about = {"method": method, "model": model, "data": data + suffix, "measure": measure}
            found.append(about | _interval(part.value.to_numpy(), part.patient_id) | {"n": len(part)})
    return pd.DataFrame(found)


def comparisons(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the paired differences of each method from each of its controls, on the images that both have and are right about.

    Two-sided p of the test that clusters images in patients (`paired.clustered_mcnemar`, which holds for any value), corrected by
    Holm within a network, set and measure.
    """
    rows = rows[rows.measure.isin([*names.MAIN, names.LUNGS, names.WITHIN, names.ROAD]) & (rows.right == 1)]
    parts = {key: part.set_index("image_id") for key, part in rows.groupby(["method", "model", "data", "measure"])}
    found = []
    for (method, model, data, measure), ours in parts.items():
        if method not in methods.found() or model.endswith((RANDOM, CUT_MODEL)):
            continue
        for control, (other, network) in _opponents(method, model):
            theirs = parts.get((other, network, data, measure))
            if theirs is not None and (both := ours.index.intersection(theirs.index)).size:
                about = {"method": method, "control": control, "model": model, "data": data, "measure": measure}
                found.append(about | compared(ours.loc[both], theirs.loc[both]))
    table = pd.DataFrame(found, columns=names.COMPARED[:-1])
    corrected = table.groupby(["model", "data", "measure"]).p_value.transform(lambda p: paired.holm(p.to_numpy()))
    return table.assign(p_holm=corrected)


def compared(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict:
    """Return value, ci_low, ci_high, n and p_value of the difference of two frames of the same images (value, patient_id)."""
    one, other, patients = ours.value.to_numpy(), theirs.value.to_numpy(), ours.patient_id.to_numpy()
    return _interval(one - other, patients) | {"n": len(one), "p_value": paired.clustered_mcnemar(one, other, patients)}


def _interval(values: np.ndarray, patients: Iterable[str]) -> dict:
    """Return what `bootstrap.mean_interval` does; the draws are kept, since thousands of rows are of the same images."""
    weights = _drawn(tuple(patients))
    low, high = np.percentile(weights @ values / weights.sum(axis=1), bootstrap.PERCENTILES)
    return {"value": values.mean(), "ci_low": low, "ci_high": high}


@functools.lru_cache(maxsize=64)
def _drawn(patients: tuple) -> np.ndarray:
    return bootstrap.patient_weights(np.array(patients), DRAWS, 0)


def _opponents(method: str, model: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what a method's maps are held against: title, and its method and network."""
    yield from ((control, (control, model)) for control in controls.KNOWN)
    yield names.RANDOM_WEIGHTS, (method, model + RANDOM)
    yield names.CUT_CONTROL, (method, model + CUT_MODEL)
    if model != FINAL:
        yield FINAL, (method, FINAL)
    if model == CROPPED:
        yield from ((network, (method, network)) for network in (WHOLE, WHOLE + CUT_MODEL))
