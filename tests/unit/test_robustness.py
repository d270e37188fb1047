"""Tables of rescored images, on scores whose figures are known by hand; and the figure that is drawn of them."""

import numpy as np
import pandas as pd
import pytest
from tiny_runs import stored

from cxr_helpers import plots
from cxr_helpers.data.corruptions import CORRUPTIONS
from cxr_helpers.tables import robustness_tables

PATIENTS = [f"p{number}" for number in range(12)]


def adults(y_score, view="PA"):
    images = pd.DataFrame({"image_id": PATIENTS, "patient_id": PATIENTS, "view": view, "finding": "none"})
    return images.assign(y_true=[0] * 6 + [1] * 6, y_score=y_score)


SEPARATED = adults([0.1] * 6 + [0.9] * 6)
MIXED = adults([0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1])  # one false alarm, three missed


@pytest.fixture
def run(workplace, monkeypatch):
    """A run with an operating point of 0.9 and twelve test images that it separates."""
    test = SEPARATED[["image_id", "patient_id", "y_true"]].assign(split="test")
    images = pd.concat([test.assign(split="val", image_id="v" + test.image_id), test], ignore_index=True)
    return stored(monkeypatch)("one", [*SEPARATED.y_score, *SEPARATED.y_score], images)


def perturbed(run, **worst):
    """Return perturbed.csv in which every severity scores as the run, but the largest of each kind in `worst`."""
    test, rows = run.split("test"), []
    for kind, corruption in CORRUPTIONS.items():
        for severity in range(len(corruption.levels) + 1):
            last = severity == len(corruption.levels)
            scores = worst.get(kind, test.y_score) if last else test.y_score
            rows.append(pd.DataFrame({"image_id": test.image_id, "perturbation": kind, "severity": severity, "y_score": scores}))
    return pd.concat(rows, ignore_index=True)


def test_groups_have_an_auc_only_with_enough_patients_of_both_classes():
    few = adults([0.2] * 12, "AP").iloc[4:].assign(image_id=lambda images: "x" + images.image_id)
    table = robustness_tables.groups([pd.concat([MIXED, few], ignore_index=True)], [0.5], "view").set_index("view")
    assert table.index.tolist() == ["PA", "AP"]
    assert table.AUC["PA"] == pytest.approx(2 / 3) and np.isnan(table.AUC["AP"])
    assert table["called PNEUMONIA"].to_dict() == pytest.approx({"PA": 1 / 3, "AP": 0})
    assert table["mean P(PNEUMONIA)"]["AP"] == pytest.approx(0.2)


def test_groups_of_few_patients_have_no_interval_and_one_class_no_auc():
    images = pd.concat(
        [adults([0.3, 0.5] * 6).iloc[6:].assign(finding="common"), adults([0.3, 0.5] * 6).iloc[6:9].assign(finding="rare")]
    )
    images["image_id"] = [f"f{number}" for number in range(9)]
    table = robustness_tables.groups([images], [0.5], "finding").set_index("finding")
    assert table["mean P(PNEUMONIA)"].tolist() == pytest.approx([0.4, 1.1 / 3]) and "AUC" not in table
    low = table["mean P(PNEUMONIA)_low"]
    assert 0.3 <= low["common"] < 0.4 and np.isnan(low["rare"])


def test_groups_average_over_runs_at_their_own_operating_points():
    table = robustness_tables.groups([MIXED, MIXED], [0.5, 0.95], "finding")  # 4 of 12 called by the first, none by the second
    assert table["called PNEUMONIA"].iloc[0] == pytest.approx(1 / 6)


def test_severity_shows_the_loss_and_pairs_it_with_the_same_images(run):
    curve = robustness_tables.against_severity([run], [perturbed(run, blur=MIXED.y_score.to_numpy())])
    found = curve.set_index(["corruption", "severity", "metric"])
    assert found.value["blur", 0, "roc_auc"] == found.value["noise", 4, "roc_auc"] == 1
    assert found.value["blur", 4, "roc_auc"] == pytest.approx(2 / 3)
    assert found.change["blur", 4, "roc_auc"] == pytest.approx(-1 / 3)
    assert found.value["blur", 4, "recall"] == 0.5 and found.value["blur", 4, "specificity"] == pytest.approx(5 / 6)
    unchanged = found.loc["noise"]
    assert (unchanged[["change", "change_low", "change_high"]] == 0).all(axis=None)


def test_the_figure_has_a_panel_per_corruption_and_a_line_per_experiment(run):
    curve = robustness_tables.against_severity([run], [perturbed(run)]).query("metric == 'roc_auc'")
    fig = plots.against_severity({"MobileNetV2": curve, "MobileNet": curve.assign(value=0.5)}, "ROC AUC")
    assert [ax.get_title(loc="left") for ax in fig.axes] == list(CORRUPTIONS)
    for ax, corruption in zip(fig.axes, CORRUPTIONS.values(), strict=True):
        first, second = ax.lines
        np.testing.assert_array_equal(first.get_ydata(), 1)
        np.testing.assert_array_equal(second.get_ydata(), 0.5)
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["as is", *(f"{level:g}" for level in corruption.levels)]
    assert first.get_color() != second.get_color()
