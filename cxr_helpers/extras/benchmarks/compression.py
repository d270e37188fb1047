"""What compression costs in AUC: every network as exported, in float32 and in 8-bit integers; no times.

Scores are of the official validation and test images; validation decides, test is read.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxr_helpers.base import lazy
from cxr_helpers.base.progress import say
from cxr_helpers.config import Config
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.inference import backends, deployed_networks, exports
from cxr_helpers.extras.inference.deployed_networks import Network
from cxr_helpers.extras.statistics import paired

catalogue = lazy.module("cxr_helpers.models.catalogue")

HEADS = "features of MobileNet"  # frozen, with a logistic head on them
SPLITS = ("val", "test")
_IMAGES = ["image_id", "patient_id", "split", "y_true"]
_BOUNDS = ["value", "ci_low", "ci_high"]
_CERTAIN = 1e-9


def measure(profile: str) -> pd.DataFrame:
    """Return one row per image: image_id, patient_id, split, y_true, and the log-odds of every network by backend and precision.

    A column is named "network|backend|precision".
    """
    images = pd.concat([deployed_networks.labelled(profile, split) for split in SPLITS], ignore_index=True)
    columns: dict[str, np.ndarray] = {}
    for network in deployed_networks.all_of(profile):
        if network.trained or profile == "smoke":
            columns |= _exported(network, profile, images)
    if profile == "full":
        columns |= _heads(profile, images)
    return images.assign(**columns)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return AUC of every column by split, and its difference to the same network in Keras in float32, paired over patients."""
    rows = []
    columns = [column for column in repeats if "|" in column]
    for column in columns:
        network, name = column.partition("|")[0], column.replace("|", ", ")
        base = next(each for each in columns if each.startswith(f"{network}|"))
        for split in SPLITS:
            part = repeats[repeats.split == split].reset_index(drop=True)
            ours, theirs = (part[_IMAGES].assign(y_score=special.expit(part[each])) for each in (column, base))
            rows.append({"figure": f"{name}: AUC, {split}"} | dict(metrics.evaluate(ours).loc["roc_auc", _BOUNDS]))
            if column != base:
                rows.append({"figure": f"{name}: difference, {split}"} | dict(paired.auc_difference([ours], [theirs])[_BOUNDS]))
    return pd.DataFrame(rows)


def _exported(network: Network, profile: str, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the log-odds of a network in Keras and in every export that could be made."""
    model, pixels = network.build(), deployed_networks.images(network, profile, images.image_id)
    found = {f"{network.name}|{backends.KERAS}|{exports.FLOAT}": _log_odds(backends.keras_runner(model)(pixels))}
    for (engine, precision), path in exports.files(network, model, profile).items():
        say(f"compression: {network.name}, {engine}, {precision}")
        found[f"{network.name}|{engine}|{precision}"] = _log_odds(backends.load(path)(pixels))
    return found


def _heads(profile: str, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return scores of logistic heads on frozen features of MobileNet that were computed in float32, bfloat16 and int8."""
    config = Config("mobilenet", start="imagenet", size=128, trainable="head")
    network = Network(HEADS, lambda: catalogue.split(catalogue.build(config)[0])[0], 128, "none", True)
    model, train = network.build(), deployed_networks.labelled(profile, "train")
    everything = pd.concat([train, images], ignore_index=True)
    found: dict[str, np.ndarray] = {}
    ways: dict[str, Callable[[], backends.Runner]] = {"keras|float32": lambda: backends.forward(model, len(everything))}
    if ("openvino", exports.INT8) in exports.ways():
        whole = exports.file(network, model, profile, "openvino", exports.FLOAT)
        ways["openvino|bfloat16"] = lambda: backends.load(whole, bfloat16=True)
        ways["openvino|int8"] = lambda: backends.load(exports.file(network, model, profile, "openvino", exports.INT8))
    for way, make in ways.items():
        run, ids = make(), everything.image_id
        parts = [run(deployed_networks.images(network, profile, ids[at : at + 64])) for at in range(0, len(ids), 64)]
        values = np.concatenate(parts)
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced"))
        head.fit(values[: len(train)], train.y_true)
        found[f"{HEADS}|{way}"] = head.decision_function(values[len(train) :])
    return found


def _log_odds(outputs: np.ndarray) -> np.ndarray:
    """Return the log-odds (n,) of outputs (n, units): stored with six digits they tie no sure scores, as probabilities would."""
    return special.logit(np.clip(outputs[:, -1].astype(float), _CERTAIN, 1 - _CERTAIN))
