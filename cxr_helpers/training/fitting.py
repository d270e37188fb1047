"""Fit a model: on images read batch by batch, or on the stored outputs of its frozen layers. One that was cut goes on."""

import contextlib
import dataclasses
import json
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import progress
from cxr_helpers.base.files import atomic_path
from cxr_helpers.config import Config
from cxr_helpers.data import batches
from cxr_helpers.errors import CxrError
from cxr_helpers.models import catalogue
from cxr_helpers.training import augmentation, cached_features

LARGE = 1_000_000  # weights; from here on a head's training waits for the optimiser's passes over them


@dataclasses.dataclass(frozen=True)
class Task:
    """A model and the images it is fitted to.

    `table` has row (of `pixels`, uint8 (N, H, W) or (N, H, W, 3)), y_true and split; `data_hash` names the manifest;
    `callbacks` see every epoch beside the fitting's own.
    """

    config: Config
    profile: str
    model: keras.Model
    pixels: np.ndarray
    table: pd.DataFrame
    data_hash: str
    callbacks: tuple[keras.callbacks.Callback, ...] = ()

    @property
    def kept_as(self) -> Path:
        """Return the file in which the state of the training is kept until it is over."""
        return paths.build(self.profile) / "cut" / f"{self.config.run_id}-{self.data_hash[:8]}.npz"

    def part(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows of `pixels`, labels as the model's head needs them) of one split."""
        part = self.table[self.table.split == split]
        return part.row.to_numpy(), batches.targets(part.y_true, self.model.output_shape[-1])

    def scored(self, outputs: np.ndarray) -> pd.DataFrame:
        """Return the table with y_score, P(PNEUMONIA), from the model's outputs (N, units)."""
        return self.table.assign(y_score=outputs[:, -1])


class Kept(keras.callbacks.Callback):
    """Keep weights, optimiser, random numbers, learning curves and early stopping after every epoch in one file.

    The order of the batches follows from the epoch's number (`batches.Batches`), the learning rate from the optimiser's steps.

    Args:
        path: of the file (.npz).
        trainer: the compiled model, its optimiser built.
        stopper: the early stopping, which must come before this callback.
    """

    def __init__(self, path: Path, trainer: keras.Model, stopper: keras.callbacks.EarlyStopping | None = None) -> None:
        super().__init__()
        self.path, self.trainer, self.stopper = path, trainer, stopper
        self.curves, self.seconds, self.resumed = [], 0.0, {}

    def first_epoch(self, epochs: int) -> int:
        """Put back what was kept, if anything was, and return the epoch (from 0) to go on with: `epochs` where none is left."""
        if not self.path.is_file():
            return 0
        with contextlib.suppress(OSError, ValueError, KeyError):
            with np.load(self.path, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
            said = json.loads(str(arrays.pop("said")))
            for place, variable in enumerate(self._variables()):
                variable.assign(arrays[f"variable {place}"])
            self.curves, self.seconds, self.resumed = said["curves"], said["seconds"], said["stopper"]
            best = [arrays[f"best {place}"] for place in range(said["best"])]
            self.resumed |= {"best_weights": best} if best else {}
            progress.say(f"{self.path.stem}: goes on after epoch {len(self.curves)}, where it was cut")
            return epochs if said["stopped"] else len(self.curves)
        raise CxrError(f"{self.path} cannot be read; delete it, and the training begins anew.")

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Put early stopping back, which has just been reset."""
        self.started = time.perf_counter() - self.seconds
        for name, value in self.resumed.items():
            setattr(self.stopper, name, value)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the state."""
        self.curves.append({name: float(value) for name, value in (logs or {}).items()})
        self.seconds = time.perf_counter() - self.started
        best = (self.stopper and self.stopper.best_weights) or []
        names = ("wait", "best", "best_epoch", "stopped_epoch") if self.stopper else ()
        said = {"curves": self.curves, "stopped": bool(self.trainer.stop_training), "seconds": self.seconds, "best": len(best)}
        said["stopper"] = {name: float(getattr(self.stopper, name)) for name in names}
        arrays = {f"variable {place}": keras.ops.convert_to_numpy(each) for place, each in enumerate(self._variables())}
        arrays |= {f"best {place}": np.asarray(each) for place, each in enumerate(best)}
        with atomic_path(self.path) as temporary:
            np.savez(temporary, said=json.dumps(said), **arrays)

    def _variables(self) -> list:
        return [*self.trainer.variables, *self.trainer.optimizer.variables]


def fit(task: Task) -> tuple[pd.DataFrame, pd.DataFrame, float, str]:
    """Fit the task's model in place; a training that was cut goes on after its last whole epoch.

    Returns learning curves, the task's table with y_score, P(PNEUMONIA) of the images as they are, seconds of fitting, and the
    arithmetic of stored features ("" where none are).
    """
    if task.config.stored:
        history, outputs, seconds, arithmetic = _fit_stored(task)
    else:  # on images read batch by batch, augmented anew in every epoch
        trainer, train = streaming(task)
        history, seconds = _run(task, trainer, train, batches.Batches(task.pixels, *task.part("val"), task.config.batch_size))
        outputs = cached_features.extract(task.model, task.pixels, task.table.row.to_numpy(), label="scores")
        arithmetic = ""
    task.kept_as.unlink(missing_ok=True)  # the training is over
    return history, task.scored(outputs), seconds, arithmetic


def compile_model(model: keras.Model, config: Config, steps: int) -> None:
    """Compile with the configured optimiser, learning-rate schedule (`steps` in all) and loss."""
    rate = config.learning_rate
    if config.schedule == "cosine":
        warmup = max(1, steps // 20)
        rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)
    options = {"sgd": {"momentum": 0.9}, "adamw": {"weight_decay": config.weight_decay}}.get(config.optimizer, {})
    options |= {"use_ema": True, "ema_momentum": config.average} if config.average else {}
    optimizer = type(keras.optimizers.get(config.optimizer))(rate, **options)
    units = model.output_shape[-1]  # two are softmax units, any other number has a sigmoid each
    kind = "Categorical" if units == 2 else "Binary"
    loss = getattr(keras.losses, f"{kind}{'Focal' if config.loss == 'focal' else ''}Crossentropy")
    metric = getattr(keras.metrics, f"{kind}Accuracy")
    metrics = [metric(name="accuracy")]
    # XLA makes one pass of an optimiser's many over the weights: it pays for large layers without a kernel.
    layers = keras.layers
    plain = all(isinstance(each, layers.InputLayer | layers.Flatten | layers.Dropout | layers.Dense) for each in model.layers)
    fused = plain and model.count_params() > LARGE and keras.backend.backend() == "tensorflow"
    model.compile(optimizer, loss(label_smoothing=config.label_smoothing), metrics=metrics, jit_compile=fused or "auto")


def streaming(task: Task) -> tuple[keras.Model, batches.Batches]:
    """Return (images (H, W, 1 or 3) → augmentation → a grey one repeated → the task's model, not compiled; batches)."""
    config, (*side, channels) = task.config, task.model.input_shape[1:]
    train = batches.Batches(task.pixels, *task.part("train"), config.batch_size, config.seed, config.mixup)
    images = x = keras.Input((*side, *(task.pixels.shape[3:] or (1,))), name="image")
    if (policy := augmentation.build(config.augmentation, config.seed)) is not None:
        x = policy(x)
    if channels > x.shape[-1]:
        x = keras.layers.Concatenate()([x] * channels)
    return keras.Model(images, task.model(x)), train


def _fit_stored(task: Task) -> tuple[pd.DataFrame, np.ndarray, float, str]:
    """Train what is not frozen on stored outputs of what is; with views, epoch e sees view e modulo `views`."""
    config = task.config
    backbone, head = catalogue.split(task.model)
    every, (rows, labels) = np.arange(len(task.pixels)), task.part("train")
    run = cached_features.forward(backbone, len(every) + config.views * len(rows))  # one export for all views
    plain = cached_features.stored(config, task.profile, backbone, task.pixels, every, task.data_hash, 0, run)
    views = plain[:, rows]
    if config.views:
        views = cached_features.stored(config, task.profile, backbone, task.pixels, rows, task.data_hash, config.views, run)
    val_rows, val_labels = task.part("val")
    train = batches.StoredBatches(views, labels, config.batch_size, config.seed)
    history, seconds = _run(task, head, train, (plain[0, val_rows], val_labels))
    outputs = head.predict(plain[0, task.table.row], batch_size=256, verbose=0)
    return history, outputs, seconds, cached_features.arithmetic(run)


def _run(task: Task, trainer: keras.Model, train: batches.Batches, val) -> tuple[pd.DataFrame, float]:
    """Compile and fit `trainer` as the task's configuration says; return its history and the seconds of fitting."""
    config, stopper, weights = task.config, None, None
    compile_model(trainer, config, config.epochs * len(train))
    if config.patience:
        stopper = keras.callbacks.EarlyStopping("val_loss", patience=config.patience, restore_best_weights=True)
    if config.class_weight == "balanced":  # both classes count the same
        counts = task.table.y_true[task.table.split == "train"].value_counts()
        weights = {int(label): counts.sum() / (2 * count) for label, count in counts.items()}
    try:
        callbacks = [*task.callbacks, *([stopper] if stopper else [])]
        kept = None if task.callbacks else Kept(task.kept_as, trainer, stopper)  # what they have seen is not kept
        return timed_fit(trainer, config, train, val, callbacks, weights, kept)
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise CxrError(f"{config.run_id}: the memory does not hold a batch; lower `batch_size` or `size`.") from error


def out_of_memory(error: Exception) -> bool:
    """Tell whether a backend, or NumPy, says that memory ran out: TensorFlow, JAX and PyTorch each have their own words."""
    kind, words = type(error).__name__, str(error)
    known = kind in ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError", "_ArrayMemoryError")
    return known or any(said in words for said in ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory"))


def timed_fit(
    model: keras.Model, config: Config, train, val, callbacks=(), class_weight=None, kept: Kept | None = None
) -> tuple[pd.DataFrame, float]:
    """Fit a compiled model for `config.epochs`, saying each; return history (epoch from 0, Keras' figures) and seconds.

    With `kept` the training goes on where it was cut; `train` is then of `batches`, the rest as for Keras' `fit`.
    """

    def say(epoch: int, logs: dict[str, float]) -> None:
        if not np.isfinite(list(logs.values())).all():
            raise CxrError(
                f"{config.run_id}: after epoch {epoch + 1} the loss is no number (NaN or infinite), and nothing is stored; lower "
                f"learning_rate ({config.learning_rate:g}), or set precision to float32."
            )
        figures = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
        progress.say(f"{config.run_id}: epoch {epoch + 1} of {config.epochs}, {figures}")

    started = time.perf_counter()
    model.optimizer.build(model.trainable_variables)  # left to the first step, TensorFlow would trace that step twice
    first = kept.first_epoch(config.epochs) if kept else 0
    if first:
        train.begin(first)
        started -= kept.seconds
    history = model.fit(
        train,
        validation_data=val,
        initial_epoch=first,
        epochs=config.epochs,
        shuffle=False,  # the batches have their own seeded order
        class_weight=class_weight,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=say), *callbacks, *([kept] if kept else [])],
        verbose=0,
    )
    curves = pd.DataFrame(kept.curves if kept else history.history)
    return curves.rename_axis("epoch").reset_index(), time.perf_counter() - started
