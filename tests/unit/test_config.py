"""The key of a run answers for its configuration and for nothing else."""

import dataclasses

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


@pytest.mark.parametrize("wrong", [{"start": "imagnet"}, {"epochs": 0}, {"dropout": 1.0}, {"size": 8}])
def test_bad_values_are_refused(wrong):
    with pytest.raises(CxrError, match="Config"):
        Config("vgg16", **wrong)


def test_unknown_field_is_refused():
    with pytest.raises(CxrError, match="epoch_count"):
        Config.from_dict({"model": "vgg16", "epoch_count": 3})


@pytest.mark.parametrize("profile", ["full", "smoke"])
def test_every_system_has_a_chapter_and_its_own_run(profile):
    systems = experiments.load(profile).values()
    assert all(system.chapter[:2].isdigit() and system.configs for system in systems)
    runs = [(config.run_id, system.chapter) for system in systems for config in system.configs]
    # On synthetic images one stand-in may do for several systems of a chapter, whose runs one process makes.
    distinct = runs if profile == "full" else set(runs)
    assert len(distinct) == len({run_id for run_id, _ in runs})


def test_smoke_needs_no_weights_and_no_large_images():
    configs = [config for system in experiments.load("smoke").values() for config in system.configs]
    assert {config.start for config in configs} == {"random"} and max(config.size for config in configs) <= 64


def test_unknown_system_lists_the_known_ones():
    with pytest.raises(CxrError, match="vgg16_thesis"):
        experiments.get("vgg19", "full")


def test_a_row_can_have_protocols_a_fallback_and_something_to_wait_for(tmp_path):
    file = tmp_path / "experiments.toml"
    file.write_text(
        '[smoke]\nsize = 64\nstart = "random"\n'
        '[folds]\ntitle = "Folds"\nchapter = "03_vgg16"\nprotocols = ["patient_cv_0", "patient_cv_1"]\nseeds = [0, 1]\n'
        'waits_for = "its weights"\nconfig = { model = "vgg16", start = "imagenet" }\n'
        'fallback = { start = "random", seeds = [5], protocols = ["official"] }\n'
    )
    row = experiments.load("full", file)["folds"]
    assert [(config.protocol, config.seed) for config in row.configs] == [
        *(("patient_cv_0", 0), ("patient_cv_0", 1), ("patient_cv_1", 0), ("patient_cv_1", 1))
    ]
    assert [(config.start, config.protocol, config.seed) for config in row.fallback] == [("random", "official", 5)]
    assert row.waits_for == "its weights" and row.ways == (row.configs, row.fallback)
    smoke = experiments.load("smoke", file)["folds"]
    assert not smoke.fallback and not smoke.waits_for and {config.start for config in smoke.configs} == {"random"}


def test_lists_of_members_become_tuples_and_enter_the_key():
    joined = Config.from_dict({"model": "ensemble", "members": ["a", "b"]})
    assert joined.members == ("a", "b")
    assert joined.run_id != Config("ensemble", members=("b", "a")).run_id
    assert Config.from_dict(dataclasses.asdict(joined)) == joined


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
