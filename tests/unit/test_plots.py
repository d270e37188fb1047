"""Figures show what they are given: counts, images, curves, colours."""

import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from seen_colours import relative_luminance
from tiny_scores import random_scores

from cxr_helpers import experiments, plots
from cxr_helpers.evaluation import metrics
from cxr_helpers.plots import style


def words(fig):
    fig.draw_without_rendering()
    return [text.get_text() for text in fig.findobj(matplotlib.text.Text) if text.get_text()]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("VGG-16, frozen", "vgg16"),
        ("resnet50_thesis", "resnet"),
        ("MobileNetV2, fine-tuned", "mobilenetv2"),
        ("mobilenet_rahman", "mobilenet"),
        ("Custom CNN", "custom_cnn"),
        ("image width", "baseline"),
        ("ablation_gaussian+clahe", "mobilenetv2"),
        ("search_grid", "mobilenetv2"),
        ("calibrated_finetuned,\nadult images", "mobilenetv2"),
        ("calibrated_mobilenetv2_ensemble", "ensemble"),
        ("logistic_mobilenetv2", "mobilenetv2"),
        ("resnet152_chestxray14", "resnet"),
        ("svm_hog", "other"),
    ],
)
def test_a_family_has_one_colour_whatever_its_experiment_is_called(name, family):
    assert plots.colour(name) == style.COLOURS[family]


def test_no_trained_network_looks_like_a_shortcut_baseline():
    assert [name for name in experiments.load("full") if plots.colour(name) == style.COLOURS["baseline"]] == []


# Linear RGB as people without red-sensitive or without green-sensitive cones see it (Machado, Oliveira and Fernandes 2009).
SEEN = {
    "by all": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def lab(shade, seen):
    """Return a colour in CIELAB as it is seen: L*, a*, b*."""
    linear = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(shade)])
    share = XYZ @ np.clip(seen @ linear, 0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", SEEN)
def test_the_colours_of_two_families_are_distinguishable_by_all_eyes(eyes):
    shades = {family: lab(shade, np.array(SEEN[eyes])) for family, shade in style.COLOURS.items()}
    for one, other in itertools.combinations(shades, 2):
        assert np.linalg.norm(shades[one] - shades[other]) > 15, (one, other)  # 2.3 are just noticed side by side


def test_colours_are_distinct_and_experiments_of_a_family_differ_in_the_line():
    assert len(set(style.COLOURS.values()) | set(style.CLASS_COLOURS.values())) == len(style.COLOURS) + 3
    normal, bacteria, virus = (relative_luminance(style.CLASS_COLOURS[name]) for name in ("NORMAL", "bacteria", "virus"))
    assert normal - virus > 0.1 and virus - bacteria > 0.1  # distinguishable in grey print
    looks = style.looks(["MobileNet a", "MobileNet b", "VGG-16"])
    assert looks["MobileNet a"]["color"] == looks["MobileNet b"]["color"]
    assert looks["MobileNet a"]["linestyle"] != looks["MobileNet b"]["linestyle"]


def test_drawing_leaves_no_trace():
    before, open_figures = matplotlib.rcParams.copy(), plt.get_fignums()
    plots.forest(pd.DataFrame({"value": [0.9], "ci_low": [0.8], "ci_high": [1.0]}, index=["VGG-16"]), "AUC")
    assert matplotlib.rcParams == before and plt.get_fignums() == open_figures


def test_histories_mark_the_epoch_of_least_validation_loss():
    run = pd.DataFrame(
        {"epoch": [0, 1, 2], "loss": [3, 2, 1], "val_loss": [3, 1, 2], "accuracy": [0.5] * 3, "val_accuracy": [0.4] * 3}
    )
    fig = plots.histories([run, run], "MobileNet")
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["Loss", "Accuracy"]
    dots = [line for line in fig.axes[0].lines if line.get_marker() == "o"]
    assert [(dot.get_xdata()[0], dot.get_ydata()[0]) for dot in dots] == [(2, 1), (2, 1)]


def test_curves_name_the_best_first_with_area_and_interval():
    good = random_scores(seed=1)
    fig = plots.summary({"image width": [good.assign(y_score=0.5)], "VGG-16": [good, good]}, 0.5)
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    row = metrics.evaluate(good).loc["roc_auc"]
    assert legend[0] == f"VGG-16  {row.value:.3f} ({row.ci_low:.3f}–{row.ci_high:.3f})" and legend[1].startswith("image width")
    assert len(fig.axes[0].collections) == 2  # a band each


def test_a_summary_has_curves_calibration_and_counts_of_one_operating_point():
    good = random_scores(seed=1)
    fig = plots.summary({"VGG-16": [good, good]}, 0.7)
    roc, pr, reliability, matrix = fig.axes
    found, table = metrics.evaluate(good), metrics.confusion(good, 0.7)
    for ax, metric in ((roc, "roc_auc"), (pr, "pr_auc")):
        row = found.loc[metric]
        (entry,) = ax.get_legend().get_texts()
        assert entry.get_text() == f"{row.value:.3f} ({row.ci_low:.3f}–{row.ci_high:.3f})"
    dot = next(line for line in roc.lines if line.get_marker() == "o" and line.get_markerfacecolor() != "white")
    assert dot.get_ydata()[0] == pytest.approx(table[1, 1] / table[1].sum())
    assert f"ECE {found.value.ece:.3f}" in reliability.get_title(loc="left")
    shares = 100 * table / table.sum(axis=1, keepdims=True)
    counts = [f"{count}\n{share:.1f} %" for count, share in zip(table.flat, shares.flat, strict=True)]
    assert [text.get_text() for text in matrix.texts] == counts
    assert f"prevalence {good.y_true.mean():.3f}" in [text.get_text() for text in pr.texts]


def test_the_forest_draws_intervals_in_order_and_the_reported_figure():
    table = pd.DataFrame({"value": [0.9, 0.8], "ci_low": [0.85, 0.7], "ci_high": [0.95, 0.9]}, index=["VGG-16", "image width"])
    fig = plots.forest(table.assign(reported=[0.99, np.nan]), "ROC AUC", reference=0.5)
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["VGG-16", "image width"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is on top
    assert [0.85, 0.95] in [list(line.get_xdata()) for line in ax.lines]
    assert {"0.900 (0.850–0.950)", "reported in the text"} <= set(words(fig))


def test_image_grids_show_every_image_and_frame_the_wrong_answers():
    images = np.stack([np.full((8, 8), 40 * place, np.uint8) for place in range(5)])
    answers = pd.DataFrame({"label": ["NORMAL"] * 5, "predicted": ["NORMAL"] * 4 + ["PNEUMONIA"], "confidence": [0.75] * 5})
    fig = plots.classified_images(images, answers)
    shown = [ax for ax in fig.axes if ax.images]
    assert [ax.images[0].get_array()[0, 0] for ax in shown] == [0, 40, 80, 120, 160]
    assert [ax.spines["left"].get_linewidth() > 2 for ax in shown] == [False] * 4 + [True]
    assert shown[-1].get_title() == "true NORMAL\n✗ PNEUMONIA 75.0 %"
    assert [ax.get_title() for ax in plots.image_grid(images[:2], ["a", "b"]).axes if ax.images] == ["a", "b"]
