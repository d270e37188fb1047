"""The searches cover their space, prune what falls behind, go on after a kill, and hand the best values to the run."""

import dataclasses
import itertools
import signal
import subprocess
import sys
import textwrap

import numpy as np
import optuna
import pandas as pd
import pytest
import tiny_bright
from checkouts import SUPPORT
from tiny_search import bowl, place

from cxr_helpers import training
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import search, trials
from cxr_helpers.records import model_path

TINY = Config("custom_cnn", size=32, epochs=2, trainable="head")


def same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(ours.drop(columns="seconds"), theirs.drop(columns="seconds"))


def test_the_grid_tries_every_point_once_and_the_defaults_are_one(tmp_path):
    table = search.explore("grid", trials.BUDGET["full"], bowl, tmp_path / "grid.sqlite")
    tried = set(table[list(trials.NAMES)].itertuples(index=False, name=None))
    assert tried == set(itertools.product(*trials.GRID.values())) and len(table) == len(tried)
    assert tuple(trials.DEFAULTS.values()) in tried
    assert trials.chosen(table)["learning_rate"] == 1e-3 and trials.chosen(table)["dropout"] == 0  # the bowl's bottom


def test_random_trials_fill_the_same_ranges_without_repeating_a_value(tmp_path):
    table = search.explore("random", trials.BUDGET["full"], bowl, tmp_path / "random.sqlite")
    for name, (low, high) in trials.RANGES.items():
        assert table[name].between(low, high).all() and {low, high} == {min(trials.GRID[name]), max(trials.GRID[name])}
    assert set(table.width) == set(trials.WIDTHS)
    assert table.learning_rate.nunique() == table.dropout.nunique() == len(table)
    middle = table.learning_rate < 1e-3  # half of the decades, not a tenth of the range
    assert 0.25 < middle.mean() < 0.75


def test_pruning_spares_the_first_trials_and_then_ends_those_below_the_median_of_the_completed(tmp_path):
    table = search.explore("random", 20, bowl, tmp_path / "random.sqlite")
    assert set(table.state[: trials.UNPRUNED_TRIALS]) == {"complete"}
    later = table[trials.UNPRUNED_TRIALS :]
    medians = {place: table.val_auc[:place][table.state == "complete"].median() for place in later.index}
    assert dict(later.state == "pruned") == {place: later.val_auc[place] < median for place, median in medians.items()}
    assert set(later.state) == {"complete", "pruned"}


@pytest.mark.parametrize("kind", ["grid", "random"])
def test_an_interrupted_study_goes_on_as_if_nothing_had_happened(kind, tmp_path):
    def interrupted(trial):
        return bowl(trial) if place(trial) < 7 else _interrupt()

    with pytest.raises(KeyboardInterrupt):
        search.explore(kind, 10, interrupted, tmp_path / "parts.sqlite")
    seen = []
    rest = search.explore(kind, 10, lambda trial: (seen.append(place(trial)), bowl(trial))[1], tmp_path / "parts.sqlite")
    assert seen == [7, 8, 9]
    same(rest, search.explore(kind, 10, bowl, tmp_path / "whole.sqlite"))


def _interrupt():
    raise KeyboardInterrupt


def test_a_killed_study_has_lost_the_trial_it_was_at(tmp_path):
    script = f"""
        import os, pathlib, signal, tiny_search
        from cxr_helpers.extras.makers import search
        def objective(trial):
            tiny_search.bowl(trial)
            return 0.5 if tiny_search.place(trial) < 2 else os.kill(os.getpid(), signal.SIGKILL)
        search.explore("grid", 4, objective, pathlib.Path({str(tmp_path / "killed.sqlite")!r}))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    killed = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    seen = []
    search.explore("grid", 4, lambda trial: (seen.append(place(trial)), bowl(trial))[1], tmp_path / "killed.sqlite")
    assert seen == [2, 3]


def test_a_trial_that_was_left_running_does_not_count(tmp_path):
    whole = search.explore("grid", 3, bowl, tmp_path / "left.sqlite")
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'left.sqlite'}")
    optuna.load_study(study_name="grid", storage=storage).ask()  # as a worker leaves it that is killed before its first value
    longer = search.explore("grid", 4, bowl, tmp_path / "left.sqlite")
    same(longer.head(3), whole)


def test_the_best_is_the_first_completed_trial_of_the_largest_auc():
    table = pd.DataFrame(
        {
            "state": ["complete", "complete", "pruned", "complete"],
            "val_auc": [0.90, 0.95, 0.99, 0.95],
            "learning_rate": [1e-4, 1e-3, 1e-2, 1e-2],
            "dropout": [0.0, 0.25, 0.5, 0.5],
            "batch_size": [32.0, 64.0, 96.0, 128.0],
            "width": [0, 32, 64, 128],
        }
    )
    values = trials.chosen(table)
    assert values == {"learning_rate": 1e-3, "dropout": 0.25, "batch_size": 64, "width": 32}
    assert type(values["batch_size"]) is int  # Config's hash tells 64 from 64.0


class FallingBehind:
    """A trial of which the pruner says at once that it is behind."""

    def __init__(self):
        self.reported, self.user_attrs = {}, {}

    def report(self, value, step):
        self.reported[step] = value

    def should_prune(self):
        return True

    def set_user_attr(self, name, value):
        self.user_attrs[name] = value


def test_a_trial_that_falls_behind_stops_except_at_its_end():
    trial, model = FallingBehind(), type("Model", (), {"stop_training": False})()
    callback = search.Pruning(trial, epochs=2)
    callback.set_model(model)
    callback.on_epoch_end(1, {"val_loss": 0.25})
    assert not model.stop_training and not trial.user_attrs
    callback.on_epoch_end(0, {"val_loss": 0.5})
    assert model.stop_training and trial.user_attrs == {"behind": True}
    assert trial.reported == {1: -0.25, 0: -0.5}


@pytest.fixture
def reports(workplace, monkeypatch):
    """A project of bright images whose searches have two trials; where its trials are stored."""
    tiny_bright.install(tiny_bright.images(40, np.repeat(["train", "val", "test"], [24, 8, 8])), monkeypatch)
    monkeypatch.setattr(trials, "BUDGET", {"smoke": 2})
    return trials.table_path("grid", "smoke").parent


def test_a_run_trains_the_chosen_values_under_its_own_name_and_seed(reports):
    record = training.train(dataclasses.replace(TINY, search="random"), "smoke")
    table = trials.load("random", "smoke")
    assert len(table) == 2 and record.info["chosen"] == trials.chosen(table) and record.info["study"] == table.study[0]
    plain = training.train(dataclasses.replace(TINY, **record.info["chosen"]), "smoke")
    pd.testing.assert_frame_equal(record.scores, plain.scores)  # the trials before it left no trace
    assert model_path("smoke", record.run_id).stat().st_size == record.info["model_bytes"]


def test_a_finished_study_is_read_and_one_of_other_images_or_settings_made_anew(reports, monkeypatch):
    config = dataclasses.replace(TINY, search="random")
    monkeypatch.setattr(search, "_train", lambda trial, *_: bowl(trial))
    first = search.study(config, "smoke")
    monkeypatch.setattr(search, "explore", lambda *_: pytest.fail("searched although the study is there"))
    same(search.study(dataclasses.replace(config, seed=5), "smoke"), first)  # all seeds of a system share it
    with pytest.raises(pytest.fail.Exception):
        search.study(dataclasses.replace(config, epochs=1), "smoke")


def test_trials_that_are_missing_or_broken_name_file_and_command(reports):
    with pytest.raises(CxrError, match="grid.csv does not hold .*cxr train search_grid --retrain --profile smoke"):
        trials.load("grid", "smoke")
    reports.mkdir(parents=True)
    (reports / "grid.csv").write_text("trial,val_auc\n0,0.5\n")
    with pytest.raises(CxrError, match="grid.csv"):
        trials.load("grid", "smoke")
