"""Grid search and random search over hyper-parameters of a network, on validation images only (Kondragunta 2024).

The trial with the largest validation ROC AUC wins. A trial is pruned (median rule of Optuna, Akiba et al. 2019) where
its validation loss falls behind that of the completed trials before it. All trials have the same seed, which no run of
the report has. Space and number of trials: see `trials`.

A study in progress lies in the build folder, in a file of Optuna's: an interrupted search goes on with the trial that was cut,
as if nothing had happened. What is proposed at a place of the plan depends on nothing else.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import filelock
import keras
import optuna
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import progress
from cxr_helpers.base.files import atomic_write
from cxr_helpers.config import Config
from cxr_helpers.data import manifest
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.makers import trials
from cxr_helpers.records import Product, model_path
from cxr_helpers.training import fitting, network

TRIAL_SEED = 100


def make(config: Config, profile: str) -> Product:
    """Train the setting that the configured search chose, with the seed of `config`; the search runs where it has not yet.

    `info` gains `chosen` (the values by name), `study` (the key in the table of trials) and `search_time_s`.
    """
    table = study(config, profile)
    values = trials.chosen(table)
    keras.utils.set_random_seed(config.seed)  # as if no trial had drawn numbers before
    setting = dataclasses.replace(config, **values)
    info, tables = network.make(setting, profile)
    model_path(profile, setting.run_id).replace(model_path(profile, config.run_id))
    facts = {"chosen": values, "study": table.study[0], "search_time_s": round(float(table.seconds.sum()), 1)}
    return info | facts, tables


def study(config: Config, profile: str) -> pd.DataFrame:
    """Return the trials of the search that `config` names, as `trials.load` does.

    They are made where there are none, or those of other images, another setting or another space.
    """
    key, file = _key(config, profile), trials.table_path(config.search, profile)
    if file.is_file():
        table = trials.load(config.search, profile)
        if set(table.study) == {key}:
            return table
    path = paths.build(profile) / "search" / f"{config.search}-{key}.sqlite"
    table = explore(config.search, trials.BUDGET[profile], lambda trial: _train(trial, config, profile), path)
    atomic_write(file, table.assign(study=key).to_csv(index=False, float_format="%.7g"))
    return trials.load(config.search, profile)


def explore(kind: str, budget: int, objective: Callable[[optuna.Trial], float], path: Path) -> pd.DataFrame:
    """Make those of `budget` trials that the study in the file `path` lacks, and return all of them.

    `objective` trains what `suggest` proposes, returns the validation AUC and leaves the columns val_auc, val_loss and
    epochs as attributes of the trial; it may raise `optuna.TrialPruned` after that.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_suffix(".lock")):
        pruner = optuna.pruners.MedianPruner(n_startup_trials=trials.UNPRUNED_TRIALS, n_warmup_steps=trials.UNPRUNED_EPOCHS)
        options = {"study_name": kind, "direction": "maximize", "load_if_exists": True, "pruner": pruner}
        study = optuna.create_study(storage=f"sqlite:///{path}", **options)
        for place, values in list(enumerate(plan(kind, budget)))[len(_finished(study)) :]:
            study.sampler = optuna.samplers.GridSampler({name: [value] for name, value in values.items()})
            study.optimize(objective, n_trials=1)
            progress.say(f"{kind} search: trial {place + 1} of {budget}, AUC {_finished(study)[-1].user_attrs['val_auc']:.4f}")
        return pd.DataFrame([_row(place, trial) for place, trial in enumerate(_finished(study))])


def suggest(trial: optuna.Trial) -> dict[str, float | int]:
    """Return the values of the hyper-parameters that a trial is to try; learning rate and batch size on a log scale."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", *trials.RANGES["learning_rate"], log=True),
        "dropout": trial.suggest_float("dropout", *trials.RANGES["dropout"]),
        "batch_size": trial.suggest_int("batch_size", *trials.RANGES["batch_size"], log=True),
        "width": trial.suggest_categorical("width", trials.WIDTHS),
    }


def plan(kind: str, budget: int) -> list[dict[str, float | int]]:
    """Return the values to be tried at each place of a study."""
    draft = optuna.create_study()
    for place in range(budget):
        grid = kind == "grid"
        draft.sampler = optuna.samplers.GridSampler(trials.GRID, seed=0) if grid else optuna.samplers.RandomSampler(seed=place)
        draft.optimize(lambda trial: len(suggest(trial)), n_trials=1)
    return [trial.params for trial in draft.trials]


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


def _train(trial: optuna.Trial, config: Config, profile: str) -> float:
    """Train one trial's setting and return its validation AUC; no score of a test image is used."""
    setting = dataclasses.replace(config, seed=TRIAL_SEED, search="", **suggest(trial))
    keras.utils.set_random_seed(setting.seed)
    task, _ = network.prepare(setting, profile)
    history, scores, *_ = fitting.fit(dataclasses.replace(task, callbacks=(Pruning(trial, setting.epochs),)))
    figures = metrics.points(scores[scores.split == "val"])
    for name, value in {"val_auc": figures.roc_auc, "val_loss": figures.bce, "epochs": len(history)}.items():
        trial.set_user_attr(name, value)
    if trial.user_attrs.get("behind"):
        raise optuna.TrialPruned
    return figures.roc_auc


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that came to an end, completed or pruned, in their order."""
    return study.get_trials(states=(optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED))


def _row(place: int, trial: optuna.trial.FrozenTrial) -> dict:
    """Return the row of a finished trial in the table of trials."""
    row = {"trial": place, "state": trial.state.name.lower()}
    row |= {name: trial.user_attrs[name] for name in ("val_auc", "val_loss", "epochs")}
    return row | {"seconds": round(trial.duration.total_seconds(), 2)} | {name: trial.params[name] for name in trials.NAMES}


def _key(config: Config, profile: str) -> str:
    """Return eight hex digits of what the trials depend on: setting, images, space, number, pruning, seed."""
    setting = dataclasses.replace(config, seed=TRIAL_SEED).departures()
    images = manifest.data_hash(manifest.load(profile))
    parts = [setting, images, trials.RANGES, trials.WIDTHS, trials.GRID, trials.BUDGET[profile]]
    parts += [trials.UNPRUNED_TRIALS, trials.UNPRUNED_EPOCHS]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
