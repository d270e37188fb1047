"""The one door to a trained model: `train(config, profile)` leaves a run record and the saved model."""

import datetime
import importlib.metadata
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cxr_helpers import augmentation, batches, features, manifest, models, packing, paths, records, splits
from cxr_helpers.config import Config
from cxr_helpers.files import atomic_path

PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "opencv-python-headless", "opencv-python", "scikit-learn")


def train(config: Config, profile: str, retrain: bool = False) -> records.Record:
    """Return the record of `config`, training the model where no record exists or `retrain` asks for it."""
    record = None if retrain else records.load(config, profile)
    if record is not None:
        return record
    started = time.perf_counter()
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    films = manifest.load(profile)
    data_hash = manifest.data_hash(films)
    table = films[["image_id", "y_true"]].reset_index(names="row").merge(splits.load(profile, config.protocol), on="image_id")
    pixels = packing.load(profile, config.size, config.variant)
    model, note = models.build(config)
    fit = _fit_head if config.frozen else _fit_backbone
    history = fit(config, profile, model, pixels, table, data_hash)
    trained_s = time.perf_counter() - started
    scores = _scores(config, model, pixels, table)
    info = _provenance(config, profile, model, note, table, data_hash)
    info |= {"train_metrics": _train_metrics(scores), "training_time_s": round(trained_s, 1)}
    info |= {"wall_time_s": round(time.perf_counter() - started, 1), "model_bytes": save(model, profile, config.run_id)}
    info["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_UNIT)
    keras.config.set_dtype_policy("float32")
    return records.write(config, profile, info, history, scores[scores.split != "train"])


def model_path(profile: str, run_id: str) -> Path:
    """Return where the trained model of a run lies (it is not committed)."""
    return paths.build(profile) / "models" / f"{run_id}.keras"


def save(model: keras.Model, profile: str, run_id: str) -> int:
    """Save the model without its optimiser and return the file's size in bytes."""
    path = model_path(profile, run_id)
    with atomic_path(path) as temporary:
        model.save(temporary, include_optimizer=False)
    return path.stat().st_size


def compile_model(model: keras.Model, config: Config, steps: int) -> None:
    """Compile with the configured optimiser, learning-rate schedule (`steps` in all) and loss."""
    rate = config.learning_rate
    if config.schedule == "cosine":
        warmup = max(1, steps // 20)
        rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)
    if config.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    else:
        optimizer = keras.optimizers.Adam(rate)
    units = model.output_shape[-1]
    kind = "Binary" if units == 1 else "Categorical"
    loss = getattr(keras.losses, f"{kind}{'Focal' if config.loss == 'focal' else ''}Crossentropy")()
    metric = keras.metrics.BinaryAccuracy if units == 1 else keras.metrics.CategoricalAccuracy
    model.compile(optimizer, loss, metrics=[metric(name="accuracy")])


def _fit_backbone(config: Config, profile: str, model: keras.Model, pixels, table: pd.DataFrame, data_hash: str) -> pd.DataFrame:
    """Train on films read batch by batch, augmented anew in every epoch."""
    units = model.output_shape[-1]
    parts = {}
    for name, seed in (("train", config.seed), ("val", None)):
        part = table[table.split == name]
        labels = batches.targets(part.y_true, units)
        parts[name] = batches.Batches(pixels, part.row, labels, config.batch_size, seed)
    trainer = _trainer(model, augmentation.build(config.augmentation, config.seed))
    compile_model(trainer, config, config.epochs * len(parts["train"]))
    return _fit(config, trainer, parts["train"], parts["val"], table)


def _trainer(model: keras.Model, policy: keras.Sequential | None) -> keras.Model:
    """Return grayscale films (H, W, 1) → augmentation → channels repeated → `model`, whose weights it shares."""
    *side, channels = model.input_shape[1:]
    films = x = keras.Input((*side, 1), name="film")
    if policy is not None:
        x = policy(x)
    if channels > 1:
        x = keras.layers.Concatenate()([x] * channels)
    return keras.Model(films, model(x))


def _fit_head(config: Config, profile: str, model: keras.Model, pixels, table: pd.DataFrame, data_hash: str) -> pd.DataFrame:
    """Train the head on stored outputs of the frozen backbone; epoch e sees view e modulo `views`."""
    backbone, head = models.split(model)
    units = model.output_shape[-1]
    train, val = table[table.split == "train"], table[table.split == "val"]
    views = features.stored(config, profile, backbone, pixels, train.row.to_numpy(), data_hash, config.views)
    val_x = features.stored(config, profile, backbone, pixels, val.row.to_numpy(), data_hash, 0)[0]
    batch = StoredBatches(views, batches.targets(train.y_true, units), config.batch_size, config.seed)
    compile_model(head, config, config.epochs * len(batch))
    return _fit(config, head, batch, (val_x, batches.targets(val.y_true, units)), table)


class StoredBatches(batches.Batches):
    """Batches of stored features (views, N, D): every epoch takes the next view."""

    def __init__(self, views: np.ndarray, labels: np.ndarray, batch_size: int, seed: int) -> None:
        super().__init__(views, np.arange(views.shape[1]), labels, batch_size, seed)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return np.asarray(self.pixels[self.epoch % len(self.pixels)][chosen]), self.labels[chosen]


def _fit(config: Config, trainer: keras.Model, train_data, val_data, table: pd.DataFrame) -> pd.DataFrame:
    callbacks = []
    if config.patience:
        callbacks = [keras.callbacks.EarlyStopping("val_loss", patience=config.patience, restore_best_weights=True)]
    weights = None
    if config.class_weight == "balanced":
        counts = table[table.split == "train"].y_true.value_counts()
        weights = {int(label): counts.sum() / (2 * count) for label, count in counts.items()}
    history = trainer.fit(
        train_data,
        validation_data=val_data,
        epochs=config.epochs,
        shuffle=False,  # the batches have their own seeded order
        class_weight=weights,
        callbacks=callbacks,
        verbose=1 if sys.stderr.isatty() else 2,
    )
    return pd.DataFrame(history.history).rename_axis("epoch").reset_index()


def predict(model: keras.Model, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return P(PNEUMONIA) float32 (len(rows),) of the films at `rows`, without augmentation."""
    return features.extract(model, pixels, np.asarray(rows), label="scores")[:, -1]


def _scores(config: Config, model: keras.Model, pixels, table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(y_score=predict(model, pixels, table.row.to_numpy()))


def _train_metrics(scores: pd.DataFrame) -> dict:
    """Return loss and accuracy (threshold 0.5) on the training films as they are, without augmentation."""
    part = scores[scores.split == "train"]
    p = np.clip(part.y_score.to_numpy("float64"), 1e-7, 1 - 1e-7)
    y = part.y_true.to_numpy()
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return {"loss": round(float(loss), 6), "accuracy": round(float(np.mean((p >= 0.5) == y)), 6)}


def _provenance(config: Config, profile: str, model: keras.Model, note: str, table: pd.DataFrame, data_hash: str) -> dict:
    count = lambda weights: int(sum(np.prod(w.shape) for w in weights))  # noqa: E731
    return {
        "profile": profile,
        "initialisation": note,
        "pixels": manifest.source(profile).pixels,
        "data_hash": data_hash,
        "images": table.split.value_counts().to_dict(),
        "parameters": model.count_params(),
        "trainable_parameters": count(model.trainable_weights),
        "backend": keras.backend.backend(),
        "device": _device(),
        "packages": {"python": platform.python_version()} | _versions(),
        "git_revision": _git_revision(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _versions() -> dict[str, str]:
    installed = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return {name: installed[name] for name in PACKAGES if name in installed}


def _device() -> str:
    accelerators = [name for name in keras.distribution.list_devices() if "cpu" not in name.lower()]
    return ", ".join(accelerators) if accelerators else f"CPU ({platform.machine()})"


def _git_revision() -> str:
    command = ["git", "-C", str(paths.ROOT), "rev-parse", "--short=12", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


_RSS_UNIT = 1024**2 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in kB elsewhere
