"""Grid search and random search over hyper-parameters of a network, on validation films only (Kondragunta 2024).

The trial with the largest validation ROC AUC wins. A trial is pruned (median rule of Optuna, Akiba et al. 2019) where
its validation loss falls behind that of the completed trials before it. All trials have the same seed, which no run of
the report has. Space and number of trials: see `trials`.

A study in progress lies in the build folder and holds finished trials only: after an interruption it goes on with the
next trial as if nothing had happened.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import keras
import optuna
import pandas as pd

from cxr_helpers import paths, progress
from cxr_helpers.config import Config
from cxr_helpers.data import manifest
from cxr_helpers.evaluation import metrics
from cxr_helpers.files import atomic_write
from cxr_helpers.systems import fitting, network, trials
from cxr_helpers.systems.product import Product, model_path

TRIAL_SEED = 100


def make(config: Config, profile: str) -> Product:
    """Train the setting that the configured search chose, with the seed of `config`; the search runs where it has not yet.

    `info` gains `chosen` (the values by name), `study` (the key in the table of trials) and `search_time_s`.
    """
    table = study(config, profile)
    values = trials.chosen(table)
    keras.utils.set_random_seed(config.seed)  # as if no trial had drawn numbers before
    setting = dataclasses.replace(config, **values)
    product = network.make(setting, profile)
    model_path(profile, setting.run_id).replace(model_path(profile, config.run_id))
    facts = {"chosen": values, "study": table.study[0], "search_time_s": round(float(table.seconds.sum()), 1)}
    return Product(product.info | facts, product.tables)


def study(config: Config, profile: str) -> pd.DataFrame:
    """Return the trials of the search that `config` names, as `trials.load` does.

    They are made where there are none, or those of other films, another setting or another space.
    """
    key, file = _key(config, profile), trials.table_path(config.search, profile)
    if file.is_file():
        table = trials.load(config.search, profile)
        if set(table.study) == {key}:
            return table
    path = paths.build(profile) / "search" / f"{config.search}-{key}.db"
    table = explore(config.search, trials.BUDGET[profile], lambda trial: _train(trial, config, profile), path)
    atomic_write(file, table.assign(study=key).to_csv(index=False, float_format="%.7g"))
    return trials.load(config.search, profile)


def explore(kind: str, budget: int, objective: Callable[[optuna.Trial], float], path: Path) -> pd.DataFrame:
    """Run a study up to `budget` trials, going on from those that the database at `path` holds; return its trials.

    `objective` trains what `suggest` proposes, returns the validation AUC and leaves the columns val_auc, val_loss and
    epochs as attributes of the trial; it may raise `optuna.TrialPruned` after that.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = optuna.create_study(storage=f"sqlite:///{path}", study_name=kind, direction="maximize", load_if_exists=True)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=trials.UNPRUNED_TRIALS, n_warmup_steps=trials.UNPRUNED_EPOCHS)
    running = optuna.create_study(pruner=pruner, direction="maximize")
    running.add_trials(stored.get_trials())
    for number in range(len(running.trials), budget):
        running.sampler = _sampler(kind, number)
        running.optimize(objective, n_trials=1)
        trial = running.trials[-1]
        stored.add_trial(trial)  # only now: a trial that is cut short leaves no trace
        progress.say(f"{kind} search: trial {number + 1} of {budget}, AUC {trial.user_attrs['val_auc']:.4f}")
    return pd.DataFrame([_row(trial) for trial in running.trials])


def suggest(trial: optuna.Trial) -> dict[str, float | int]:
    """Return the values of the hyper-parameters that a trial is to try; learning rate and batch size on a log scale."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", *trials.RANGES["learning_rate"], log=True),
        "dropout": trial.suggest_float("dropout", *trials.RANGES["dropout"]),
        "batch_size": trial.suggest_int("batch_size", *trials.RANGES["batch_size"], log=True),
        "width": trial.suggest_categorical("width", trials.WIDTHS),
    }


def _train(trial: optuna.Trial, config: Config, profile: str) -> float:
    """Train one trial's setting and return its validation AUC; the test films' scores are not looked at."""
    setting = dataclasses.replace(config, seed=TRIAL_SEED, search="", **suggest(trial))
    keras.utils.set_random_seed(setting.seed)
    task, _ = network.prepare(setting, profile)
    fitted = fitting.fit(dataclasses.replace(task, callbacks=(Pruning(trial, setting.epochs),)))
    scores = task.table.assign(y_score=fitted.y_score)
    figures = metrics.points(scores[scores.split == "val"])
    for name, value in {"val_auc": figures.roc_auc, "val_loss": figures.bce, "epochs": len(fitted.history)}.items():
        trial.set_user_attr(name, value)
    if trial.user_attrs.get("behind"):
        raise optuna.TrialPruned
    return figures.roc_auc


class Pruning(keras.callbacks.Callback):
    """Report each epoch's validation loss to a trial, and end its training where the trial is to be pruned.

    Training ends in good order rather than by an exception, so that a pruned trial has an AUC too.
    """

    def __init__(self, trial: optuna.Trial, epochs: int) -> None:
        super().__init__()
        self.trial, self.epochs = trial, epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Report epoch `epoch` (from 0); after the last one nothing is left to prune."""
        self.trial.report(-logs["val_loss"], epoch)  # the study looks for a maximum
        if epoch + 1 < self.epochs and self.trial.should_prune():
            self.trial.set_user_attr("behind", True)
            self.model.stop_training = True


def _sampler(kind: str, number: int) -> optuna.samplers.BaseSampler:
    """Return the sampler of trial `number`: what it proposes does not depend on where a study was interrupted."""
    return optuna.samplers.GridSampler(trials.GRID, seed=0) if kind == "grid" else optuna.samplers.RandomSampler(seed=number)


def _row(trial: optuna.trial.FrozenTrial) -> dict:
    figures = {name: trial.user_attrs[name] for name in ("val_auc", "val_loss", "epochs")}
    seconds = {"seconds": round(trial.duration.total_seconds(), 2)}
    return {"trial": trial.number, "state": trial.state.name.lower()} | figures | seconds | trial.params


def _key(config: Config, profile: str) -> str:
    """Return eight hex digits of what the trials depend on: setting, films, space, number, pruning, seed."""
    setting = dataclasses.replace(config, seed=TRIAL_SEED).departures()
    films = manifest.data_hash(manifest.load(profile))
    parts = [setting, films, trials.RANGES, trials.WIDTHS, trials.GRID, trials.BUDGET[profile]]
    parts += [trials.UNPRUNED_TRIALS, trials.UNPRUNED_EPOCHS]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
