"""Tables 3 and 4 of the thesis beside costs whose growth is known."""

import dataclasses
import types

import pandas as pd
import pytest

from cxr_helpers.data import dataset, manifest
from cxr_helpers.extras.benchmarks import fresh_process, scaling, stages
from cxr_helpers.tables import reported_vs_reproduced

LINEAR = {"loading", "preprocessing", "display", "evaluation", "training"}


@pytest.fixture
def repeats():
    """Three repeats: time and memory linear in the images (building: constant), the weights beneath a network's memory."""
    rows = []
    keys = [(scaling.BOTH, stage) for stage in stages.OF_IMAGES]
    keys += [(program, stage) for program in scaling.NETWORKS for stage in ("model building", "evaluation", "training")]
    for program, stage in keys:
        for images in (4, 8, 16, 32, 64):
            work = images if stage in LINEAR else 20
            weights = 0 if program == scaling.BOTH else 50
            for repeat, slow in enumerate((1.02, 1.0, 0.99)):
                rows.append((program, stage, images, repeat, 0.01 * work * slow, (weights + 3.0 * work) * slow))
    return pd.DataFrame(rows, columns=["program", "stage", "images", "repeat", "seconds", "megabytes"])


def test_every_claim_has_its_exponent(repeats):
    figures = scaling.figures(repeats).set_index("figure")
    assert len(figures) == 2 * 6 * 2  # programs, stages, time and memory
    assert figures.value["VGG-16, training, time"] == pytest.approx(1)
    assert figures.value["VGG-16, evaluation, memory"] == pytest.approx(1)  # the weights do not bend it
    assert figures.value["ResNet-50, model building, time"] == pytest.approx(0, abs=1e-9)
    assert (figures.loc["VGG-16, loading, time"] == figures.loc["ResNet-50, loading, time"]).all()  # measured once
    assert ((figures.ci_low <= figures.value) & (figures.value <= figures.ci_high)).all()


def test_every_claim_of_the_thesis_is_measured(repeats):
    texts = reported_vs_reproduced.reported()
    asked = [figure for name in ("vgg16_stages", "resnet50_stages") for figure in texts[name]["figures"]]
    assert len(asked) == 18 and {figure["of"] for figure in asked} <= set(scaling.figures(repeats).figure)
    assert all(figure["order"].startswith("O(") and figure["value"] in (0, 1) for figure in asked)


def test_it_measures_every_stage_at_every_size_in_a_process_of_its_own(monkeypatch, tmp_path):
    calls = []

    def alone(work, *arguments):
        calls.append((work, arguments))
        return [{"stage": arguments[0] if work is stages.of_images else "training", "seconds": 1.0}]

    images = pd.DataFrame({"path": ["a.png", "b.png", "c.png"]})
    monkeypatch.setattr(fresh_process, "alone", alone)
    monkeypatch.setattr(manifest, "load", lambda profile: images)
    monkeypatch.setattr(dataset, "discover", lambda profile: types.SimpleNamespace(root=tmp_path))
    plan = scaling.Plan(32, read=(2, 4), shown=(1,), trained=(8, 16), repeats=2, passes=1)
    monkeypatch.setitem(scaling.PLANS, "smoke", plan)
    measured = scaling.measure("smoke")
    assert len(measured) == 2 * (2 + 2 + 1) + 2 * 2 == len(calls)
    assert measured.groupby("program").size().to_dict() == {"both": 10, "VGG-16": 2, "ResNet-50": 2}
    read = next(arguments for work, arguments in calls if work is stages.of_images and len(arguments[1]) == 4)
    assert [file.name for file in read[1]] == ["a.png", "b.png", "c.png", "a.png"]  # a small set serves more than once
    configs = [arguments[0] for work, arguments in calls if work is stages.of_network]
    assert {(config.model, config.trainable, config.augmentation, config.size) for config in configs} == {
        ("vgg16", "head", "none", 32),
        ("resnet50", "all", "thesis", 32),
    }


def test_the_real_plan_has_five_sizes_of_whole_batches():
    plan = scaling.PLANS["full"]
    assert min(len(plan.read), len(plan.shown), len(plan.trained)) >= 5 and plan.stand_in == ""
    assert all(count % plan.batch == 0 for count in plan.trained) and plan.repeats >= 3 <= plan.passes
    assert {field.name for field in dataclasses.fields(plan)} >= {"side", "batch"} and plan.side == 224
