"""Every reading of a text: all combinations of what it leaves open, trained from stored features.

reports/readings.toml lists the choices; a reading is one option of each, and a rule that says at which epoch training stops.
The rules are read off the epochs of one training.
"""

import dataclasses
import hashlib
import itertools
import json
import time
from collections.abc import Iterator

import keras
import numpy as np
import pandas as pd

from cxr_helpers import experiments, paths
from cxr_helpers.base import environment, progress, stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.config import Config, one_of
from cxr_helpers.data import batches, manifest, packing, splits
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.makers import measured_on
from cxr_helpers.models import catalogue
from cxr_helpers.tables import reported_vs_reproduced
from cxr_helpers.training import cached_features, fitting

METRICS = ["accuracy", "bce", "roc_auc", "recall", "specificity", "precision", "f1"]


@dataclasses.dataclass(frozen=True)
class Training:
    """One training of a claim: its options by choice, configuration, seed of the split, and a key of all that it depends on."""

    options: dict[str, str]
    config: Config
    split_seed: int
    key: str


def claim(name: str) -> dict:
    """Return what readings.toml says of a claim; an unknown name is a CxrError that lists the known ones."""
    claims = stored_results.read(paths.reports("full") / "readings.toml", "")
    return claims[one_of("readings", name, claims)]


def trainings(text: dict, profile: str, data_hash: str) -> list[Training]:
    """Return all combinations of a claim's options; in the smoke profile all layers below the head stay frozen too."""
    base, found = experiments.get(text["experiment"], profile).configs[0], []
    smoke = {"trainable": "head", "epochs": 3} if profile == "smoke" else {}
    for options in itertools.product(*(choice["options"].items() for choice in text["choices"])):
        values = text["config"] | {field: value for _, changes in options for field, value in changes.items()} | smoke
        split_seed = values.pop("split_seed", 0)
        config = dataclasses.replace(base, **values)
        parts = [config.key, split_seed, data_hash, text["stopping"]["options"]]
        key = f"{config.model}-{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]}"
        labels = {choice["name"]: label for choice, (label, _) in zip(text["choices"], options, strict=True)}
        found.append(Training(labels, config, split_seed, key))
    return found


def make(name: str, profile: str) -> pd.DataFrame:
    """Train what is missing of a claim's readings and return all of them; a call that was stopped goes on where it was.

    Columns: key (of the training), the choices, stopping, epoch (whose weights count, from 1), seed, split_seed,
    train_accuracy (as Keras prints it), {val,test}_{`METRICS`}, seconds (of the training), git_revision. Beside the table
    lies {name}.json: environment of the last training and hours of all.
    """
    text, path = claim(name), paths.reports(profile) / "readings" / f"{name}.csv"
    plan = trainings(text, profile, manifest.data_hash(manifest.load(profile)))
    table = reported_vs_reproduced.load_readings(name, profile, missing_ok=True)
    made = {} if table is None else dict(list(table.groupby("key")))
    for place, training in enumerate(plan):
        if training.key not in made:
            made[training.key] = pd.DataFrame(_train(training, text, profile))
            progress.say(f"readings {name}: training {place + 1} of {len(plan)}, {made[training.key].seconds.iloc[0]:.0f} s")
            table = pd.concat([made[each.key] for each in plan if each.key in made], ignore_index=True)
            atomic_write(path, table.to_csv(index=False, float_format="%.6g"))
            hours = table.groupby("key").seconds.first().sum() / 3600
            about = {"trainings": table.key.nunique(), "of": len(plan), "readings": len(table), "hours": round(hours, 3)}
            about |= measured_on.about()
            atomic_write(path.with_suffix(".json"), json.dumps(about, indent=2) + "\n")
    return reported_vs_reproduced.load_readings(name, profile)


def stopped(history: pd.DataFrame, rule: dict) -> int:
    """Return the epoch (from 0) whose weights a stopping rule of readings.toml keeps; `history` has one row an epoch.

    A number of epochs that the training does not have is its last one.
    """
    if "epochs" in rule:
        return min(rule["epochs"], len(history)) - 1
    if "monitor" in rule:
        return int(history[rule["monitor"]].idxmax())
    best = 0
    for epoch, loss in enumerate(history.val_loss):
        if loss < history.val_loss[best]:
            best = epoch
        if epoch - best >= rule["patience"]:
            return epoch if rule.get("last") else best
    return len(history) - 1 if rule.get("last") else best


def _train(training: Training, text: dict, profile: str) -> Iterator[dict]:
    """Fit one training and yield the row of each stopping rule."""
    config, started = training.config, time.perf_counter()
    keras.utils.set_random_seed(config.seed)
    images, scores = _split(manifest.load(profile), config.protocol, training.split_seed), []
    head, plain, views = prepared(config, profile)
    labels = batches.targets(images.y_true, head.output_shape[-1])
    train, val, held = (np.flatnonzero(images.split.isin(parts)) for parts in (["train"], ["val"], ["val", "test"]))
    steps, seen = batches.StoredBatches(views[:, train], labels[train], config.batch_size, config.seed), plain[held]
    scoring = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: scores.append(head.predict(seen, batch_size=256, verbose=0)[:, -1])
    )
    fitting.compile_model(head, config, config.epochs * len(steps))
    history, _ = fitting.timed_fit(head, config, steps, (plain[val], labels[val]), [scoring])
    about = {"seconds": round(time.perf_counter() - started, 1), "git_revision": environment.revision()}
    for label, rule in text["stopping"]["options"].items():
        epoch = stopped(history, rule)
        row = {"key": training.key, **training.options, "stopping": label, "epoch": epoch + 1, "seed": config.seed}
        row |= {"split_seed": training.split_seed, "train_accuracy": history.accuracy[epoch]}
        for split, part in images.iloc[held].assign(y_score=scores[epoch]).groupby("split"):
            row |= metrics.points(part)[METRICS].add_prefix(f"{split}_").to_dict()
        yield row | about


def prepared(config: Config, profile: str) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """Return (what is trained, the features (N, ...) of all images as they are, those (views, N, ...) to train on)."""
    backbone, head = catalogue.split(catalogue.build(config)[0])
    pixels, data_hash = packing.load(profile, config.size, config.variant), manifest.data_hash(manifest.load(profile))
    plain, views = (
        cached_features.stored(config, profile, backbone, pixels, np.arange(len(pixels)), data_hash, count)
        for count in (0, config.views)
    )
    return head, plain[0], views


def _split(images: pd.DataFrame, protocol: str, seed: int) -> pd.DataFrame:
    """Return the images with a column `split`: by a protocol at a seed, or "folders", as they lie in Kaggle's."""
    split = images.folder if protocol == "folders" else splits.make(images, protocol, seed).split
    return images[["image_id", "patient_id", "y_true"]].assign(split=split.to_numpy())
