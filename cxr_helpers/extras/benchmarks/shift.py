"""Do the images of the test folder differ from those of the training folder, and do the two folders share patients?

A domain classifier (logistic regression, scored on patients that it was not fitted on) is asked from which folder an image
of a given class comes. Its control is asked the same of two random halves of the training folder: an AUC above one half
there would be an artefact of the method. Patient keys are counted with and without the pathogen.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from cxr_helpers import experiments
from cxr_helpers.base import lazy
from cxr_helpers.base.progress import say
from cxr_helpers.data import dataset, manifest
from cxr_helpers.evaluation import bootstrap, shortcut_baselines
from cxr_helpers.tables import formatting

descriptors = lazy.module("cxr_helpers.extras.makers.descriptors")

FEATURES = ("geometry", "grey statistics", "MobileNetV2 features")
TEST, CONTROL = "train against test", "halves of train"
EXPERIMENT = "logistic_mobilenetv2"  # whose stored features are the third kind
RESAMPLES = 2000
_FOLDS = 5
_DRAWS = 5  # of random halves, so that no single one decides
# Count -> what it says.
_KEYS = {
    "patients of test": "patients (number and pathogen) of the test folder",
    "patients in train and test": "of these also in the training folder",
    "numbers of test": "pneumonia numbers, pathogen left away, of the test folder",
    "numbers in train and test": "of these also in the training folder",
    "images of these numbers": "images of the test folder under these numbers",
    "same pathogen": "of these numbers: with the same pathogen in both folders",
    "same pathogen by chance": "the same, had the pathogens of the test folder been permuted at random",
}


def measure(profile: str) -> pd.DataFrame:
    """Return one column per figure: its value in the first row, and below it its resamples, where it has any.

    An AUC is resampled over patients, that of the control being the mean over `_DRAWS` pairs of halves; the count expected
    by chance is resampled by permuting the pathogens.
    """
    images, columns = manifest.load(profile), {}
    for features, x in _features(images, profile):
        for label in dataset.LABELS:
            say(f"shift: {features}, {label}")
            rows = np.flatnonzero((images.label == label) & images.folder.isin(("train", "test")))
            halves = [_halves(images, seed) for seed in range(_DRAWS)]
            for question, domains in {TEST: [(images.folder == "test").to_numpy(float)], CONTROL: halves}.items():
                found = [separation(x[rows], images.assign(domain=domain).iloc[rows]) for domain in domains]
                columns[f"{features}, {label}, {question}"] = np.mean(found, axis=0)
    return pd.DataFrame({name: pd.Series(values) for name, values in (columns | key_counts(images)).items()})


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return every figure with the middle 95 % of its resamples: figure, value, ci_low, ci_high (NaN: it has none)."""
    ends = repeats.iloc[1:].quantile([0.025, 0.975])
    columns = {"figure": repeats.columns, "value": repeats.iloc[0].to_numpy()}
    return pd.DataFrame(columns | {"ci_low": ends.iloc[0].to_numpy(), "ci_high": ends.iloc[1].to_numpy()})


def separation(x: np.ndarray, images: pd.DataFrame) -> np.ndarray:
    """Return the AUC of a domain classifier, and after it that of each resample of patients.

    Args:
        x: (N, D) features of images.
        images: patient_id and domain (0, 1, or NaN for images that are left out); N rows.

    Every image is scored by a model that was fitted without its patient (five folds). That scores of several models stand in
    one order puts the AUC of features that say nothing a little below one half.
    """
    known = images.domain.notna().to_numpy()
    y, patients = images.domain[known].astype(int).to_numpy(), images.patient_id[known].to_numpy()
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    model = shortcut_baselines.regression(x.shape[1])
    found = cross_val_predict(model, x[known], y, groups=patients, cv=folds, method="predict_proba")[:, 1]
    weights, _ = bootstrap.usable_weights(patients, y, RESAMPLES, seed=0)
    return bootstrap.roc_auc(*bootstrap.cumulative_counts(y, found, np.vstack([np.ones(len(y)), weights])))


def key_counts(images: pd.DataFrame) -> dict[str, list[float]]:
    """Return the counts of `_KEYS` for the images of a manifest, each in a list, chance followed by its permutations."""
    images = images.assign(number=_numbers(images))
    train, test = (images[images.folder == folder] for folder in ("train", "test"))
    known, keys = (part.loc[part.number != "", ["number", "pathogen"]].drop_duplicates() for part in (train, test))
    there, shared = set(known.itertuples(index=False, name=None)), set(known.number) & set(keys.number)
    in_both = keys.number.isin(shared).to_numpy()

    def agree(pathogens: np.ndarray) -> int:
        pairs = zip(keys.number[in_both], pathogens[in_both], strict=True)
        return len({number for number, pathogen in pairs if (number, pathogen) in there})

    rng = np.random.default_rng(0)
    permuted = [agree(rng.permutation(keys.pathogen.to_numpy())) for _ in range(RESAMPLES)]
    return {
        "patients of test": [test.patient_id.nunique()],
        "patients in train and test": [len(set(train.patient_id) & set(test.patient_id))],
        "numbers of test": [keys.number.nunique()],
        "numbers in train and test": [len(shared)],
        "images of these numbers": [int(test.number.isin(shared).sum())],
        "same pathogen": [agree(keys.pathogen.to_numpy())],
        "same pathogen by chance": [float(np.mean(permuted)), *permuted],
    }


def table(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row per kind of features and class: the AUC between the folders and that of the control, with intervals."""
    found, rows = figures.set_index("figure"), []
    for features in FEATURES:
        for label in dataset.LABELS:
            names = {question: f"{features}, {label}, {question}" for question in (TEST, CONTROL)}
            if names[TEST] in found.index:
                cells = {f"{question} (95 % CI)": formatting.cell(found.loc[name]) for question, name in names.items()}
                rows.append({"features": features, "class": label} | cells)
    return pd.DataFrame(rows)


def keys(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row per count of the patient keys: what is counted, count, and the 95 % range of what chance gives."""
    found, rows = figures.set_index("figure"), []
    for name, words in _KEYS.items():
        row = found.loc[name]
        limits = "" if np.isnan(row.ci_low) else f"{row.ci_low:.0f}–{row.ci_high:.0f}"
        rows.append({"what": words, "count": f"{row.value:.0f}", "95 % range": limits})
    return pd.DataFrame(rows)


def _features(images: pd.DataFrame, profile: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the values (N, D) of each kind of features; sizes only where all are known."""
    sizes = images[["width", "height"]].to_numpy(float)
    if np.isfinite(sizes).all():
        yield FEATURES[0], np.log(np.column_stack([sizes, sizes[:, 0] / sizes[:, 1]]))
    yield FEATURES[1], images[shortcut_baselines.GREY_STATISTICS].to_numpy(float)
    yield FEATURES[2], descriptors.matrix(experiments.get(EXPERIMENT, profile).configs[0], profile)[0]


def _halves(images: pd.DataFrame, seed: int) -> np.ndarray:
    """Return 0 or 1 at random for each patient of the training folder, NaN elsewhere."""
    patients, codes = np.unique(images.patient_id, return_inverse=True)
    half = np.random.default_rng(seed).permutation(len(patients)) % 2
    return np.where(images.folder == "train", half[codes], np.nan)


def _numbers(images: pd.DataFrame) -> pd.Series:
    """Return the patient number of each pneumonia image, its pathogen left away; "" for normal images."""
    bare = [key.removesuffix(f"_{pathogen}") for key, pathogen in zip(images.patient_id, images.pathogen, strict=True)]
    return pd.Series(bare, images.index).where(images.label == "PNEUMONIA", "")
