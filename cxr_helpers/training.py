"""The one door to a trained model: `train(config, profile)` leaves a run record and the saved model."""

import datetime
import importlib.metadata
import platform
import resource
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cxr_helpers import fitting, manifest, models, packing, paths, records, revision, splits
from cxr_helpers.config import Config
from cxr_helpers.files import atomic_path

PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "opencv-python-headless", "opencv-python", "scikit-learn")
_RSS_UNIT = 1024**2 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in kB elsewhere


def train(config: Config, profile: str, retrain: bool = False) -> records.Record:
    """Return the record of `config`, training the model where no record exists or `retrain` asks for it."""
    record = None if retrain else records.load(config, profile)
    if record is not None:
        return record
    started = time.perf_counter()
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    try:
        films = manifest.load(profile)
        model, start = models.build(config)
        split = splits.load(profile, config.protocol)
        table = films[["image_id", "y_true"]].reset_index(names="row").merge(split, on="image_id")
        pixels = packing.load(profile, config.size, config.variant)
        task = fitting.Task(config, profile, model, pixels, table, manifest.data_hash(films))
        fitted = fitting.fit(task)
        model_bytes = save(model, profile, config.run_id)
    finally:
        keras.config.set_dtype_policy("float32")
    scores = table.assign(y_score=fitted.y_score)
    info = _provenance(task, start) | {
        "train_metrics": _train_metrics(scores[scores.split == "train"]),
        "training_time_s": round(fitted.seconds, 1),
        "wall_time_s": round(time.perf_counter() - started, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_UNIT),
        "model_bytes": model_bytes,
    }
    return records.write(config, profile, info, fitted.history, scores[scores.split != "train"])


def model_path(profile: str, run_id: str) -> Path:
    """Return where the trained model of a run lies (it is not committed)."""
    return paths.build(profile) / "models" / f"{run_id}.keras"


def save(model: keras.Model, profile: str, run_id: str) -> int:
    """Save the model without its optimiser and return the file's size in bytes."""
    path = model_path(profile, run_id)
    with atomic_path(path) as temporary:
        model.save(temporary, include_optimizer=False)
    return path.stat().st_size


def _train_metrics(scores: pd.DataFrame) -> dict[str, float]:
    """Return loss and accuracy (threshold 0.5) on the training films as they are, without augmentation."""
    p = np.clip(scores.y_score.to_numpy("float64"), 1e-7, 1 - 1e-7)
    y = scores.y_true.to_numpy()
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return {"loss": round(float(loss), 6), "accuracy": round(float(np.mean((p >= 0.5) == y)), 6)}


def _provenance(task: fitting.Task, start: str) -> dict:
    """Return what a record says of data, start, code and machine."""
    trainable = sum(int(np.prod(weight.shape)) for weight in task.model.trainable_weights)
    return {
        "profile": task.profile,
        "initialisation": start,
        "pixels": manifest.source(task.profile).pixels,
        "data_hash": task.data_hash,
        "images": task.table.split.value_counts().to_dict(),
        "parameters": task.model.count_params(),
        "trainable_parameters": trainable,
        "backend": keras.backend.backend(),
        "device": _device(),
        "packages": {"python": platform.python_version()} | _versions(),
        "git_revision": revision.current(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _versions() -> dict[str, str]:
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return {name: installed[name] for name in PACKAGES if name in installed}


def _device() -> str:
    accelerators = [name for name in keras.distribution.list_devices() if "cpu" not in name.lower()]
    return ", ".join(accelerators) if accelerators else f"CPU ({platform.machine()})"
