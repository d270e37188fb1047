"""The state of a training, kept after every epoch, so that one that was cut goes on where it was."""

import contextlib
import json
import time
from pathlib import Path

import keras
import numpy as np

from cxr_helpers.base import progress
from cxr_helpers.base.files import atomic_path
from cxr_helpers.errors import CxrError


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
