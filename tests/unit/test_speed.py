"""Figures on speed, worked out from rounds whose times are known."""

import dataclasses

import pandas as pd
import pytest

from cxr_helpers.extras.benchmarks import speed
from cxr_helpers.extras.networks import programs
from cxr_helpers.tables import reported_vs_reproduced

FORWARD = {"VGG-16": 6.4, "ResNet-50": 1.6, "MobileNet": 0.4, "MobileNetV2": 0.32}  # seconds for 32 images
STEP = {"VGG-16": 8.0, "ResNet-50": 10.0, "MobileNet": 1.0, "MobileNetV2": 1.0}


@pytest.fixture
def repeats():
    """Five rounds; the machine is slower in some, for all networks alike."""
    rows = []
    for place, slow in enumerate((1.0, 1.2, 0.9, 1.1, 1.0)):
        for network, layers in speed.TRAINED.items():
            rows.append((place, network, "forward pass of 32", slow * FORWARD[network]))
            rows.append((place, network, "forward pass of 1", slow * FORWARD[network] / 16))
            for part in layers:
                seconds = STEP[network] if part == speed.ALL else STEP[network] / 2
                rows.append((place, network, f"training step, {part}", slow * seconds))
            rows.append((place, network, "saved model", 14.0))
    return pd.DataFrame(rows, columns=["round", "network", "task", "value"])


@pytest.fixture
def figures(repeats):
    return speed.figures(repeats).set_index("figure")


def test_durations_are_medians_over_rounds(figures):
    row = figures.loc["VGG-16, ms per image, batch 32"]
    assert row.value == pytest.approx(200) and 180 <= row.ci_low < row.value < row.ci_high <= 240
    assert figures.value["VGG-16, ms per image, batch 1"] == pytest.approx(400)
    assert figures.value["ResNet-50, test step of 32 (s)"] == pytest.approx(1.6)
    assert figures.value["ResNet-50, 624 test images (s)"] == pytest.approx(1.6 * 19.5)
    assert figures.value["MobileNet, epoch of 5,216 images, backbone frozen (s)"] == pytest.approx(0.5 * 163)
    assert tuple(figures.loc["MobileNetV2, saved model (MB)"]) == (14, 14, 14)


def test_ratios_are_paired_so_a_slow_round_does_not_widen_them(figures):
    assert tuple(figures.loc["inference time saved against VGG-16"]) == pytest.approx([0.95] * 3)
    assert figures.value["inference time saved against ResNet-50, one image at a time"] == pytest.approx(0.8)
    assert figures.value["VGG-16 over ResNet-50, test time"] == pytest.approx(4)


def test_the_table_has_a_row_per_network(figures):
    table = speed.table(figures.reset_index()).set_index("network")
    assert list(table.index) == list(programs.PROGRAMS)
    assert pd.isna(table.loc["VGG-16", "s an epoch, all layers"])
    assert table.loc["VGG-16", "ms an image, batch of 32"] == pytest.approx(200)


def test_every_task_of_every_network_is_timed_in_every_round(monkeypatch):
    monkeypatch.setitem(speed.ROUNDS, "smoke", 2)
    monkeypatch.setattr(speed, "STEP", 4)
    only = {"MobileNet": programs.PROGRAMS["MobileNet"]}
    monkeypatch.setattr(speed, "PROGRAMS", only)
    measured = speed.measure("smoke")
    tasks = {"forward pass of 4", "forward pass of 1", "training step, backbone frozen", "training step, all layers"}
    assert measured.groupby("round").task.agg(set).tolist() == [tasks | {"saved model"}] * 2
    assert (measured.value > 0).all() and measured[measured.task == "saved model"].value.nunique() == 1


def test_a_network_is_trained_as_its_document_has_it():
    vgg16, resnet50 = speed._config("VGG-16", "full", speed.FROZEN), speed._config("ResNet-50", "full")
    assert (vgg16.size, vgg16.trainable, vgg16.augmentation) == (224, "head", "none")
    assert (resnet50.model, resnet50.trainable, resnet50.augmentation) == ("resnet50", "all", "thesis")
    assert dataclasses.replace(vgg16, trainable="all", size=224).model == "vgg16"


def test_what_the_documents_report_of_speed_is_measured(figures):
    figures_of = [figure for text in reported_vs_reproduced.reported().values() for figure in text["figures"]]
    asked = [figure for figure in figures_of if figure.get("measured") == "speed"]
    assert asked and {figure.get("of", figure["metric"]) for figure in asked} <= set(figures.index)
