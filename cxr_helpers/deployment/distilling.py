"""One network taught the answers of a larger one on augmented training films (Hinton, Vinyals and Dean 2015)."""

import dataclasses

import keras
import numpy as np

from cxr_helpers.config import Config
from cxr_helpers.networks import models
from cxr_helpers.systems import augmentation, batches, fitting

EPOCHS, RATE = 3, 1e-4  # fixed before the first was taught


class Teaching(keras.layers.Layer):
    """Pass the student's probability on; the loss is its cross-entropy with the teacher's."""

    def call(self, student, teacher):
        """Return `student` (N, 1) and add the loss."""
        self.add_loss(keras.ops.mean(keras.losses.binary_crossentropy(keras.ops.stop_gradient(teacher), student)))
        return student


def distil(student: keras.Model, teacher: keras.Model, config: Config, pixels: np.ndarray, rows: np.ndarray) -> list[float]:
    """Teach `student` in place the teacher's probabilities of the films at `rows`; return the loss of each epoch.

    Args:
        student, teacher: networks of one input size and one sigmoid unit; the teacher stays as it is.
        config: augmentation, trained layers, batch size, weight decay and seed as the student was trained with;
            epochs and learning rate are `EPOCHS` and `RATE` (warm-up, then a cosine) unless the epochs are fewer.
        pixels: uint8 (N, H, W).
        rows: positions in `pixels`, training films only.
    """
    config = dataclasses.replace(config, epochs=min(EPOCHS, config.epochs), learning_rate=RATE, average=0.0, patience=0)
    models.unfreeze(student, config.trainable)
    teacher.trainable = False
    films = x = keras.Input((*student.input_shape[1:3], 1), name="film")
    policy = augmentation.build(config.augmentation, config.seed)
    x = policy(x) if policy is not None else x
    x = keras.layers.Concatenate()([x] * student.input_shape[-1])
    trainer = keras.Model(films, Teaching(name="teaching")(student(x), teacher(x, training=False)))
    shown = batches.Batches(pixels, rows, np.zeros((len(rows), 1)), config.batch_size, config.seed)  # labels teach nothing
    trainer.compile(fitting.optimizer(config, config.epochs * len(shown)))
    history, _ = fitting.timed_fit(trainer, config, shown, None)
    return history.loss.tolist()
