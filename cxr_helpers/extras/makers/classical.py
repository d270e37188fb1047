"""Estimators of scikit-learn on features of the images: the maker of every experiment that is no network."""

import dataclasses
import pickle
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import ParameterGrid, StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from cxr_helpers.config import Config
from cxr_helpers.data import manifest, packing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import descriptors
from cxr_helpers.extras.makers.randomised import RandomisedNetwork
from cxr_helpers.records import Product
from cxr_helpers.training import network

COMPONENTS = 100  # principal components of the pixels
FOLDS = 5  # of the calibration, by patient


@dataclasses.dataclass(frozen=True)
class Estimator:
    """A kind of estimator: how it is built for a seed, and the settings that validation chooses from, plainest first.

    `margins`: its outputs are no probabilities and have to be calibrated.
    """

    build: Callable[[int], ClassifierMixin]
    grid: dict[str, tuple]
    margins: bool = False


_RANDOMISED = {"ridge": (100.0, 10.0, 1.0)}
ESTIMATORS = {
    "decision_tree": Estimator(lambda seed: DecisionTreeClassifier(random_state=seed), {"max_depth": (3, 5, 8)}),
    "random_forest": Estimator(
        lambda seed: RandomForestClassifier(100, n_jobs=-1, random_state=seed), {"min_samples_leaf": (5, 1)}
    ),
    "svm": Estimator(lambda seed: SVC(kernel="rbf", gamma="scale", cache_size=500), {"C": (1.0, 10.0)}, margins=True),
    "logistic": Estimator(lambda seed: LogisticRegression(max_iter=1000), {"C": (1e-3, 1e-2, 1e-1)}),
    "rvfl": Estimator(lambda seed: RandomisedNetwork("inputs", random_state=seed), _RANDOMISED, margins=True),
    "elm": Estimator(lambda seed: RandomisedNetwork(random_state=seed), _RANDOMISED, margins=True),
    "schmidt": Estimator(lambda seed: RandomisedNetwork("bias", random_state=seed), _RANDOMISED, margins=True),
}


def make(config: Config, profile: str) -> Product:
    """Fit the configured estimator on training images, its settings chosen by the AUC on validation images.

    Classes are not weighted. Nothing but training images moves scaler, components, estimator or calibration.

    Raises:
        CxrError: estimator or features are unknown, or class weights are asked for.
    """
    if config.model not in ESTIMATORS:
        raise CxrError(f"Config: model={config.model!r} is no estimator; choose one of {', '.join(ESTIMATORS)}.")
    if config.class_weight != "none":
        raise CxrError(f"Config: {config.model} is fitted without class weights; take class_weight away.")
    table = network.labelled_images(profile, config.protocol)
    images, data_hash = packing.load(profile, config.size, config.variant), manifest.data_hash(manifest.load(profile))
    x, start = descriptors.matrix(config, profile, images, data_hash)
    return estimated(config, x, start, table, network.images_info(profile, table))


def estimated(config: Config, x: np.ndarray, start: str, table: pd.DataFrame, info: dict) -> Product:
    """Choose, fit and score the configured estimator on features `x` (rows as `table.row` has them).

    `info` says what is known of the images, `start` how the network behind the features began.
    """
    started = time.perf_counter()
    chosen, fitted = choose(config, x, table)
    if ESTIMATORS[config.model].margins:
        fitted = calibrated(fitted, x, table, config.seed)
    seconds = time.perf_counter() - started
    scores = table.assign(y_score=fitted.predict_proba(x[table.row])[:, 1])
    info = info | {
        "initialisation": start,
        "inputs": x.shape[1],
        "chosen": chosen,
        "train_metrics": network.train_metrics(scores[scores.split == "train"]),
        "training_time_s": round(seconds, 1),
        "model_bytes": len(pickle.dumps(fitted)),
    }
    return info, {"scores": scores[scores.split != "train"]}


def choose(config: Config, x: np.ndarray, table: pd.DataFrame) -> tuple[dict[str, float], Pipeline]:
    """Fit every setting of the grid to training images and return the one with the largest AUC on validation images.

    Args:
        config: names estimator, features and seed.
        x: (N, D) float, features of all images.
        table: row (of `x`), y_true, split, one row per image of the protocol.

    Returns:
        The setting (the first of the grid among equals) and its fitted pipeline.
    """
    train, val = (table[table.split == split] for split in ("train", "val"))
    best = (-np.inf, {}, None)
    for setting in ParameterGrid(ESTIMATORS[config.model].grid):
        model = pipeline(config, len(train))
        model.set_params(**{f"estimator__{name}": value for name, value in setting.items()})
        area = get_scorer("roc_auc")(model.fit(x[train.row], train.y_true), x[val.row], val.y_true)
        best = max(best, (area, setting, model), key=lambda candidate: candidate[0])
    return best[1:]


def calibrated(model: Pipeline, x: np.ndarray, table: pd.DataFrame, seed: int) -> CalibratedClassifierCV:
    """Return `model`, fitted anew to training images, with Platt's sigmoid (1999) from its margin to P(PNEUMONIA).

    The sigmoid is fitted to margins of images whose patients the estimator had not seen: five folds of the training
    patients, drawn with `seed`. `x` and `table` (patient_id too) as in `choose`.
    """
    train = table[table.split == "train"]
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(train.row, train.y_true, train.patient_id)
    return CalibratedClassifierCV(model, method="sigmoid", cv=list(folds), ensemble=False).fit(x[train.row], train.y_true)


def pipeline(config: Config, images: int) -> Pipeline:
    """Return [principal components →] standardisation → estimator, unfitted, for a number of training images."""
    steps = [("standardise", StandardScaler()), ("estimator", ESTIMATORS[config.model].build(config.seed))]
    if config.features == "pca":
        # A fold of the calibration holds fewer images, and there cannot be more components than images.
        components = PCA(min(COMPONENTS, images // 2), svd_solver="randomized", random_state=config.seed)
        steps.insert(0, ("components", components))
    return Pipeline(steps)
