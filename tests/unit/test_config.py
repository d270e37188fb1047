"""The key of a run answers for its configuration and for nothing else."""

import dataclasses
import hashlib
import json
import re

import pytest

from cxr_helpers import experiments
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError


def test_run_id_has_model_protocol_seed_and_hash():
    config = Config("mobilenetv2", seed=3)
    assert config.run_id == f"mobilenetv2-official-s3-{config.key[:8]}"


def test_key_changes_with_any_departure_and_ignores_spelt_out_defaults():
    assert Config("vgg16").key == Config("vgg16", epochs=20, loss="bce").key
    keys = {Config("vgg16").key, Config("vgg16", seed=1).key, Config("vgg16", size=96).key, Config("vgg16", loss="focal").key}
    assert len(keys) == 4


WRONG = [
    {"start": "imagnet"},
    {"epochs": 0},
    {"epochs": 2.5},
    {"epochs": True},
    {"dropout": 1.5},
    {"learning_rate": -1},
    {"learning_rate": 0},
    {"size": 8},
    {"size": "x"},
    {"mixup": -0.1},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_bad_values_are_refused_by_name(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(CxrError, match=f"{name}={value!r}"):
        Config("vgg16", **wrong)


def test_a_value_that_was_renamed_has_the_key_of_the_old_one():
    before = Config("mobilenetv2", augmentation="films")
    assert before == Config("mobilenetv2", augmentation="mild") and before.augmentation == "mild"
    said = {"augmentation": "films", "model": "mobilenetv2"}
    assert before.key == hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def test_parameters_that_repeat_the_row_change_nothing_in_any_profile():
    for profile in ("full", "smoke"):
        found = experiments.configuration("vgg16_thesis", profile, **experiments.written_values("vgg16_thesis"))
        assert found == experiments.get("vgg16_thesis", profile) and not found.changes
        assert found.label == "vgg16_thesis" and found.title == "VGG-16"


def test_a_changed_parameter_takes_the_place_of_the_profiles_own():
    found = experiments.configuration("vgg16_thesis", "smoke", epochs=3, dropout=0.5, seeds=[1, 2])
    assert found.changes == {"epochs": 3, "seeds": [1, 2]}
    assert [(config.epochs, config.dropout, config.seed) for config in found.configs] == [(3, 0.2, 1), (3, 0.2, 2)]
    assert found.title == "VGG-16 (epochs 3, seeds [1, 2])" and found.label.startswith("vgg16_thesis (epochs 3")


def test_the_parameters_of_a_chapter_leave_another_experiment_as_its_row_has_it():
    values = experiments.written_values("vgg16_thesis")
    found = experiments.configuration("mobilenet_official", "full", default="vgg16_thesis", **values)
    assert found == experiments.get("mobilenet_official", "full") and not found.changes


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"epoch": 3}, "parameter='epoch' is unknown; choose one of protocol, "),
        ({"model": "resnet50"}, "parameter='model' is unknown"),
        ({"epochs": 0}, "epochs=0: input should be greater than 0"),
        ({"seeds": []}, "seeds=\\[\\]: list should have at least 1 item"),
        ({"seeds": [0, -1]}, "seeds.1=-1: input should be greater than or equal to 0"),
        ({"start": "photographs"}, "start='photographs': input should be 'imagenet' or 'random'"),
    ],
)
def test_unknown_and_impossible_parameters_are_named(parameters, sentence):
    with pytest.raises(CxrError, match=sentence):
        experiments.configuration("vgg16_thesis", "full", **parameters)


def test_a_row_that_is_unknown_is_named():
    with pytest.raises(CxrError, match="experiment='vgg17' is unknown; choose one of ablation_none, "):
        experiments.configuration("vgg17", "full")


def test_unknown_field_is_refused():
    with pytest.raises(CxrError, match="epoch_count"):
        Config("vgg16", epoch_count=3)


@pytest.mark.parametrize("profile", ["full", "smoke"])
def test_every_system_has_a_chapter_and_its_own_run(profile):
    rows = experiments.load(profile).values()
    assert all(re.match(r"s?\d\d_", experiment.chapter) and experiment.configs for experiment in rows)
    runs = [(config.run_id, experiment.chapter) for experiment in rows for config in experiment.configs]
    # On synthetic images one stand-in may do for several experiments of a chapter, whose runs one process makes.
    distinct = runs if profile == "full" else set(runs)
    assert len(distinct) == len({run_id for run_id, _ in runs})
    assert len({experiment.title for experiment in rows}) == len(rows)  # pages know an experiment by its title


def test_smoke_needs_no_weights_and_no_large_images():
    configs = [config for experiment in experiments.load("smoke").values() for config in experiment.configs]
    assert {config.start for config in configs} == {"random"} and max(config.size for config in configs) <= 64


def test_unknown_system_lists_the_known_ones():
    with pytest.raises(CxrError, match="vgg16_thesis"):
        experiments.get("vgg19", "full")


def test_a_row_can_have_protocols_and_something_to_wait_for(tmp_path):
    file = tmp_path / "experiments.toml"
    file.write_text(
        '[smoke]\nsize = 64\nstart = "random"\n'
        '[folds]\ntitle = "Folds"\nchapter = "03_vgg16"\nprotocols = ["patient_cv_0", "patient_cv_1"]\nseeds = [0, 1]\n'
        'waits_for = "its weights"\nconfig = { model = "vgg16", start = "imagenet" }\n'
    )
    row = experiments.load("full", file)["folds"]
    assert [(config.protocol, config.seed) for config in row.configs] == [
        *(("patient_cv_0", 0), ("patient_cv_0", 1), ("patient_cv_1", 0), ("patient_cv_1", 1))
    ]
    assert row.waits_for == "its weights"
    smoke = experiments.load("smoke", file)["folds"]
    assert not smoke.waits_for and {config.start for config in smoke.configs} == {"random"}


def test_lists_of_members_become_tuples_and_enter_the_key():
    joined = Config("ensemble", members=["a", "b"])
    assert joined.members == ("a", "b")
    assert joined.run_id != Config("ensemble", members=("b", "a")).run_id
    assert Config(**dataclasses.asdict(joined)) == joined


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"average": -0.1}, "average"),
        ({"average": 0.9, "patience": 2}, "patience"),
    ],
)
def test_smoothing_and_averaging_have_their_bounds(options, named):
    with pytest.raises(CxrError, match=named):
        Config("mobilenetv2", **options)
