"""Fit a model: on images read batch by batch, or on the stored outputs of its frozen layers."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd

from cxr_helpers.base import plugins, progress
from cxr_helpers.config import Config
from cxr_helpers.data import batches
from cxr_helpers.errors import CxrError
from cxr_helpers.models import catalogue
from cxr_helpers.training import augmentation, cached_features


@dataclasses.dataclass(frozen=True)
class Task:
    """A model and the images it is fitted to.

    `table` has row (of `pixels`, uint8 (N, H, W)), y_true and split; `data_hash` names the manifest; `callbacks` see
    every epoch beside the fitting's own. With `labels` the model has a sigmoid unit for each, and the table a 0/1 column
    for each in place of y_true.
    """

    config: Config
    profile: str
    model: keras.Model
    pixels: np.ndarray
    table: pd.DataFrame
    data_hash: str
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    labels: tuple[str, ...] = ()

    def part(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows of `pixels`, labels as the model's head needs them) of one split."""
        part = self.table[self.table.split == split]
        if self.labels:
            return part.row.to_numpy(), part[list(self.labels)].to_numpy("float32")
        return part.row.to_numpy(), batches.targets(part.y_true, self.model.output_shape[-1])


@dataclasses.dataclass(frozen=True)
class Fitted:
    """The learning curves, the scores of every row of the task's table (without augmentation), and the seconds of fitting.

    `y_score` is P(PNEUMONIA), float32 (N,), or with labels P(label), (N, labels). `parts` tells into how many a batch
    had to be divided to find room in the memory.
    """

    history: pd.DataFrame
    y_score: np.ndarray
    seconds: float
    parts: int = 1


def fit(task: Task) -> Fitted:
    """Fit the task's model in place."""
    return _fit_stored(task) if task.config.stored else _fit_streamed(task)


def predict(model: keras.Model, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return P(PNEUMONIA) float32 (len(rows),) of the images at `rows`."""
    return cached_features.extract(model, pixels, np.asarray(rows), label="scores")[:, -1]


def compile_model(model: keras.Model, config: Config, steps: int, parts: int = 1) -> None:
    """Compile with the configured optimiser, learning-rate schedule (`steps` in all) and loss.

    With `parts` the gradients of so many steps make one update; schedule and average count the steps.
    """
    rate = config.learning_rate
    if config.schedule == "cosine":
        warmup = max(1, steps // 20)
        rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)
    options = {"use_ema": True, "ema_momentum": config.average ** (1 / parts)} if config.average else {}
    if parts > 1:
        options["gradient_accumulation_steps"] = parts
    if config.optimizer == "adamw":
        options["weight_decay"] = config.weight_decay
    if config.optimizer == "sgd":
        options["momentum"] = 0.9
    kinds = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}
    optimizer = getattr(keras.optimizers, kinds[config.optimizer])(rate, **options)
    units = model.output_shape[-1]  # two are softmax units, any other number has a sigmoid each
    kind = "Categorical" if units == 2 else "Binary"
    loss = getattr(keras.losses, f"{kind}{'Focal' if config.loss == 'focal' else ''}Crossentropy")
    metric = getattr(keras.metrics, f"{kind}Accuracy")
    model.compile(optimizer, loss(label_smoothing=config.label_smoothing), metrics=[metric(name="accuracy")])


def _fit_streamed(task: Task) -> Fitted:
    """Train on images read batch by batch, augmented anew in every epoch."""
    val = batches.Batches(task.pixels, *task.part("val"), task.config.batch_size)
    with _spread(task.model, task.config.batch_size) as model:
        trainer, train = streaming(task, model)
        history, seconds, parts = _run(task, trainer, train, val)
    outputs = cached_features.extract(task.model, task.pixels, task.table.row.to_numpy(), label="scores")
    return Fitted(history, _scores(task, outputs), seconds, parts)


def streaming(task: Task, model: keras.Model | None = None) -> tuple[keras.Model, batches.Batches]:
    """Return (augmentation → the task's model or a copy of it, not compiled; the batches of training images that it takes)."""
    config = task.config
    train = batches.Batches(task.pixels, *task.part("train"), config.batch_size, config.seed, config.mixup)
    return _trainer(model or task.model, augmentation.build(config.augmentation, config.seed)), train


def _trainer(model: keras.Model, policy: keras.Sequential | None) -> keras.Model:
    """Return grayscale images (H, W, 1) → augmentation → channels repeated → `model`, whose weights it shares."""
    *side, channels = model.input_shape[1:]
    images = x = keras.Input((*side, 1), name="image")
    if policy is not None:
        x = policy(x)
    if channels > 1:
        x = keras.layers.Concatenate()([x] * channels)
    return keras.Model(images, model(x))


def _fit_stored(task: Task) -> Fitted:
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
    with _spread(head, config.batch_size) as trainer:
        history, seconds, parts = _run(task, trainer, train, (plain[0, val_rows], val_labels))
    return Fitted(history, _scores(task, head.predict(plain[0, task.table.row], batch_size=256, verbose=0)), seconds, parts)


def _spread(model: keras.Model, batch_size: int) -> contextlib.AbstractContextManager[keras.Model]:
    """Return a context with the model to be fitted: itself, or where CXR_DEVICES asks for it a copy on several devices."""
    if os.environ.get("CXR_DEVICES", "1") == "1":
        return contextlib.nullcontext(model)
    return plugins.load("devices", "spread")(model, batch_size)


def _scores(task: Task, outputs: np.ndarray) -> np.ndarray:
    """Return a model's outputs (N, units) as `Fitted` has them."""
    return outputs if task.labels else outputs[:, -1]


def _run(task: Task, trainer: keras.Model, train: batches.Batches, val) -> tuple[pd.DataFrame, float, int]:
    """Compile and fit `trainer` as the task's configuration says; return its history, the seconds of fitting, and the parts.

    Where the memory does not hold a batch, fitting starts again with the batch in 2, 4, 8 ... parts, whose gradients make
    one update. Batch normalisation sees smaller batches, and an average of the weights lags by less than one update.

    Raises:
        CxrError: the memory does not hold a single image.
    """
    config, start, parts = task.config, _state(trainer), 1
    while True:
        steps = batches.Parted(train, parts) if parts > 1 else train
        compile_model(trainer, config, config.epochs * len(steps), parts)
        try:
            return *_fit_once(task, trainer, steps, val), parts
        except Exception as error:
            if not out_of_memory(error):
                raise
        if parts >= config.batch_size:
            raise CxrError(f"{config.run_id}: the memory does not hold a single image; lower `size` or take a smaller model.")
        parts *= 2
        whole, part = config.batch_size, -(-config.batch_size // parts)
        said = f"the memory does not hold a batch of {whole}; again with {part} images at a time, {whole} an update"
        progress.say(f"{config.run_id}: {said}")
        for variable, value in zip(trainer.variables, start, strict=True):
            variable.assign(value)
        train.begin(epoch=0)


def _fit_once(task: Task, trainer: keras.Model, train: keras.utils.PyDataset, val) -> tuple[pd.DataFrame, float]:
    config = task.config
    stopping = [keras.callbacks.EarlyStopping("val_loss", patience=config.patience, restore_best_weights=True)]
    return timed_fit(
        trainer,
        config,
        train,
        val,
        class_weight=_class_weights(task) if config.class_weight == "balanced" else None,
        callbacks=[*task.callbacks, *(stopping if config.patience else ())],
    )


def _state(model: keras.Model) -> list[np.ndarray]:
    """Return copies of a model's variables, the states of its random layers among them."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]


def out_of_memory(error: Exception) -> bool:
    """Tell whether a backend, or NumPy, says that memory ran out: TensorFlow, JAX and PyTorch each have their own words."""
    kind, words = type(error).__name__, str(error)
    known = kind in ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError", "_ArrayMemoryError")
    return known or any(said in words for said in ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory"))


def timed_fit(
    model: keras.Model, config: Config, train: keras.utils.PyDataset, val, callbacks=(), class_weight=None
) -> tuple[pd.DataFrame, float]:
    """Fit a compiled model for `config.epochs`, saying each; return its history and the seconds that fitting took.

    `train` has its own order and `val` is whatever Keras takes as validation data; the weights of `class_weight` count by
    label. History: epoch (from 0) and Keras' figures.
    """
    hooks = [keras.callbacks.LambdaCallback(on_epoch_end=_say(config)), *callbacks]
    started = time.perf_counter()
    model.optimizer.build(model.trainable_variables)  # left to the first step, TensorFlow would trace that step twice
    history = model.fit(
        train,
        validation_data=val,
        epochs=config.epochs,
        shuffle=False,  # the batches have their own seeded order
        class_weight=class_weight,
        callbacks=hooks,
        verbose=0,
    )
    return pd.DataFrame(history.history).rename_axis("epoch").reset_index(), time.perf_counter() - started


def _say(config: Config) -> Callable[[int, dict[str, float]], None]:
    """Return a hook that prints each epoch under the run's name, so that runs side by side can be told apart."""

    def say(epoch: int, logs: dict[str, float]) -> None:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
        progress.say(f"{config.run_id}: epoch {epoch + 1} of {config.epochs}, {figures}")

    return say


def _class_weights(task: Task) -> dict[int, float]:
    """Return weights under which both classes count the same in training."""
    counts = task.table.y_true[task.table.split == "train"].value_counts()
    return {int(label): counts.sum() / (2 * count) for label, count in counts.items()}
