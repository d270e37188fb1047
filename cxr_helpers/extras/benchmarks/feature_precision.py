"""What bfloat16 costs in AUC: a logistic regression on frozen features of MobileNet in either precision; no times."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxr_helpers.config import Config
from cxr_helpers.data import packing
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.benchmarks.harness import COLUMNS
from cxr_helpers.extras.inference import backends
from cxr_helpers.extras.statistics import paired
from cxr_helpers.models import catalogue
from cxr_helpers.training import cached_features, network

CONFIG = Config("mobilenet", start="imagenet", size=128, trainable="head")
EXACT, SHORT = "float32", "bfloat16"


def measure(profile: str) -> pd.DataFrame:
    """Return one row per validation and test image: image_id, patient_id, split, y_true, the log-odds by precision.

    Raises:
        CxrError: OpenVINO, which computes in bfloat16, is not installed.
    """
    backbone, _ = catalogue.split(catalogue.build(CONFIG)[0])
    table, pixels = network.labelled_images(profile, CONFIG.protocol), packing.load(profile, CONFIG.size)
    with tempfile.TemporaryDirectory() as folder:
        file = backends.export(backbone, Path(folder) / "backbone.xml")
        runners = {EXACT: backends.load(file), SHORT: backends.load(file, backends.BFLOAT16)}
    train = (table.split == "train").to_numpy()
    for precision, run in runners.items():
        features = cached_features.extract(backbone, pixels, table.row.to_numpy(), label=precision, run=run)
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced"))
        table[precision] = head.fit(features[train], table.y_true[train]).decision_function(features)
    return table[~train].drop(columns="row").reset_index(drop=True)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return the AUC of either precision by split, and their difference, paired over patients: figure, value, ci_low, ci_high."""
    rows = []
    for split, part in repeats.groupby("split", sort=False):
        scores = {name: part.assign(y_score=1 / (1 + np.exp(-part[name]))).reset_index(drop=True) for name in (EXACT, SHORT)}
        for name, own in scores.items():
            rows.append({"figure": f"AUC, {name}, {split}"} | dict(metrics.evaluate(own).loc["roc_auc"]))
        rows.append({"figure": f"difference, {split}"} | dict(paired.auc_difference([scores[SHORT]], [scores[EXACT]])))
    return pd.DataFrame(rows)[COLUMNS]
