"""Shortcut baselines: what can be reached without looking at the lungs. Every result is read against them."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxr_helpers.errors import CxrError

GREY_STATISTICS = ["mean", "std", "p05", "p50", "p95"]


def scores(manifest: pd.DataFrame, splits: pd.DataFrame, thumbnails: np.ndarray) -> dict[str, pd.DataFrame]:
    """Fit the shortcut baselines on the training images and score the others.

    "always PNEUMONIA" gives every image the training prevalence; "image width", "grey statistics" (mean, standard
    deviation, 5th, 50th and 95th percentile of the grey values) and "32×32 thumbnail" are logistic regressions on
    standardised features, which shrink in proportion to the number of features: the prior spread of the log-odds is then
    the same for one feature and for a thousand pixels. One whose input is not known for every image is left out.

    `splits`: image_id and split of every image (else a CxrError); `thumbnails`: (N, 32, 32) uint8, rows in manifest order.
    Returns model name -> scores (image_id, patient_id, split, y_true, y_score) of the validation and test images.
    """
    images = manifest.drop(columns="split", errors="ignore").merge(splits[["image_id", "split"]], on="image_id", how="left")
    if images.split.isna().any():
        raise CxrError(f"The split has no row for {images.image_id[images.split.isna()].iloc[0]}; make it from this manifest.")
    inputs = {"image width": images[["width"]].to_numpy(float), "grey statistics": images[GREY_STATISTICS].to_numpy(float)}
    inputs["32×32 thumbnail"] = np.asarray(thumbnails, dtype="float32").reshape(len(images), -1)
    prevalence = images.y_true[images.split == "train"].mean()
    predicted = {"always PNEUMONIA": np.full(len(images), prevalence)}
    predicted |= {name: regression(x, images) for name, x in inputs.items() if np.isfinite(x).all()}
    held_out = images[images.split != "train"][["image_id", "patient_id", "split", "y_true"]]
    return {name: held_out.assign(y_score=y[held_out.index]).reset_index(drop=True) for name, y in predicted.items()}


def regression(x: np.ndarray, images: pd.DataFrame) -> np.ndarray:
    """Return P(PNEUMONIA) (N,) of all images from a logistic regression on the features (N, D) of those whose split is train."""
    train = (images.split == "train").to_numpy()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / x.shape[1], max_iter=1000))
    return model.fit(x[train], images.y_true[train]).predict_proba(x)[:, 1]
