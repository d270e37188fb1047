"""What is written of the final model is what its scores say."""

import json

import pandas as pd
import pytest
from tiny_candidates import maker

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.makers import rescored
from cxr_helpers.tables import final_model, formatting
from cxr_helpers.training import rescoring

RIGHT = [0.2, 0.8, 0.2, 0.8]
PUBLISHED = (paths.ROOT / "reports" / "published.csv").read_text()  # of this checkout, not of the test's workplace


@pytest.fixture
def make(workplace, monkeypatch):
    return maker(monkeypatch)


def test_a_goal_is_met_or_missed_by_how_much(make):
    table = final_model.goals(make("x", RIGHT, [0.2, 0.8, 0.6, 0.8])).set_index("figure")
    assert table.missed_by["ROC AUC"] < 0 and table.missed_by["Accuracy"] == pytest.approx(0.215)
    assert table.missed_by["Specificity"] == pytest.approx(0.43) and table.goal["ECE"] == "≤ 0.02"
    shown = formatting.formatted(table.rename(columns={"missed_by": "verdict"}))
    assert shown.verdict.tolist()[:2] == ["met", "missed by 0.215"]


def test_published_results_stand_above_ours_with_its_interval(make):
    run = make("x", RIGHT, [0.2, 0.8, 0.6, 0.8])
    atomic_write(paths.reports("full") / "published.csv", PUBLISHED)
    table = final_model.beside_published(run)
    assert table.study.iloc[-1] == final_model.OURS and table.specificity.iloc[-1] == 0.5
    assert table.reference.iloc[0] == "[@kermany2018]" and formatting.formatted(table)["ROC AUC"].iloc[0] == "0.968"


def test_what_is_written_is_what_the_scores_say(make):
    run = make("x", RIGHT, [0.2, 0.8, 0.6, 0.8])
    content = json.loads(final_model.write(run, "smoke").read_text())
    assert (content["run_id"], content["threshold"], content["external_auc"]) == (run.run_id, 0.5, None)
    points, official = metrics.points(run.split("test")), content["official_test"]
    assert official["auc"] == points.roc_auc and official["ece"] == points.ece
    assert (official["sensitivity"], official["specificity"], official["accuracy"]) == (1, 0.5, 0.75)
    low, high = official["accuracy_ci"]
    assert low < 0.75 < high


def test_the_adult_images_stand_beside_where_they_were_scored(make):
    run = make("x", RIGHT, RIGHT)
    adults = pd.DataFrame({"image_id": list("mnop"), "patient_id": list("mnop"), "view": "PA", "finding": "?"})
    adults = adults.assign(y_true=[0, 1, 0, 1], y_score=[0.1, 0.9, 0.8, 0.7])
    run.add(rescoring.EXTERNAL, rescored.encoded(adults, rescoring.EXTERNAL))
    content = json.loads(final_model.write(run, "smoke").read_text())
    assert content["external_auc"] == pytest.approx(0.75) and len(content["external_auc_ci"]) == 2
