"""The training matrix: what waits for an accelerator, seed by seed, in processes of their own."""

import dataclasses
import subprocess
import types

import pytest

from cxr_helpers import experiments, records
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import training_matrix
from cxr_helpers.training import rescoring, run_environment


@pytest.fixture
def calls(monkeypatch):
    """The command lines of the processes, which do nothing; those that name seed 1 of resnet50_224 fail."""
    made = []

    def run(call, env, check):
        words = call[call.index("cxr_helpers.cli") + 1 :]
        made.append((words[0], words[1], words[-1], env.get(run_environment.SIDE_BY_SIDE)))
        return subprocess.CompletedProcess(call, int(words[1] == "resnet50_224" and words[-1] == "1"))

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(packing, "load", lambda profile, size: None)
    monkeypatch.setattr(records, "load", lambda config, profile: None)
    return made


def chosen(*names):
    return [experiments.get(name, "full") for name in names]


def test_it_holds_what_waits_for_an_accelerator():
    names = [row.name for row in training_matrix.waiting("full")]
    assert {"vgg16_224", "resnet50_224", "mobilenetv2_final_224"} <= set(names)
    assert "resnet50_chestxray14" not in names


def test_first_seeds_come_first_and_those_of_chapter_17_are_rescored(calls):
    training_matrix.run(chosen("vgg16_224", "mobilenet_final_224"), "full", 1, 60)
    assert calls == [
        ("train", "vgg16_224", "0", None),
        ("train", "mobilenet_final_224", "0", None),
        ("rescore", "mobilenet_final_224", "0", None),
        ("train", "vgg16_224", "1", None),
        ("train", "mobilenet_final_224", "1", None),
        ("rescore", "mobilenet_final_224", "1", None),
        ("train", "vgg16_224", "2", None),
    ]


def test_a_run_that_fails_is_named_and_the_others_go_on(calls):
    with pytest.raises(CxrError, match="Not trained: resnet50_224, seed 1. The same command goes on"):
        training_matrix.run(chosen("resnet50_224"), "full", 2, 60)
    assert sorted(calls) == [("train", "resnet50_224", seed, "2") for seed in "012"]


def test_no_run_begins_when_the_time_is_over(calls):
    with pytest.raises(CxrError, match="no time left"):
        training_matrix.run(chosen("vgg16_224"), "full", 1, 0)
    assert calls == []


def test_recorded_runs_are_left_alone(calls, monkeypatch):
    row = experiments.get("vgg16_224", "full")
    monkeypatch.setattr(records, "load", lambda config, profile: config.seed != 2)
    training_matrix.run([dataclasses.replace(row)], "full", 1, 60)
    assert calls == [("train", "vgg16_224", "2", None)]


def test_a_run_of_chapter_17_without_scores_of_corrupted_images_is_made_up_for(calls, monkeypatch):
    made = {seed: types.SimpleNamespace(has=lambda name, seed=seed: name == rescoring.VALIDATION and seed != 1) for seed in range(3)}
    monkeypatch.setattr(records, "load", lambda config, profile: made[config.seed])
    training_matrix.run(chosen("mobilenetv2_final_224"), "full", 1, 60)
    assert [call[:3] for call in calls] == [(command, "mobilenetv2_final_224", "1") for command in ("train", "rescore")]


def test_a_seed_without_record_is_refused_with_the_command():
    row = experiments.get("vgg16_224", "full")
    assert [record.config.seed for record in records.of_seed(row, 1, "full")] == [1]
    with pytest.raises(CxrError, match="no record of seed 9; run `cxr train vgg16_224 --seed 9 --profile full`"):
        records.of_seed(row, 9, "full")
