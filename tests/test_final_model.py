"""The final model is chosen on disturbed validation films, and what is written of it is what its scores say."""

import json

import pandas as pd
import pytest
from tiny_runs import stored

from cxr_helpers import paths
from cxr_helpers.evaluation import metrics
from cxr_helpers.systems import rescoring
from cxr_helpers.tables import final_model

FILMS = pd.DataFrame({"image_id": list("abcdefgh"), "patient_id": list("pqrstuvw"), "y_true": [0, 1] * 4})
FILMS = FILMS.assign(split=["val"] * 4 + ["test"] * 4)


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Store runs with a threshold of 0.5 and the given scores of disturbed validation films and of test films."""
    monkeypatch.setattr(paths, "tables", lambda profile: tmp_path / "tables")
    monkeypatch.delenv("CXR_EXTERNAL_DIR", raising=False)
    store = stored(tmp_path / "runs", monkeypatch)

    def run(system, disturbed, test):
        found = store(system, [0.1, 0.9, 0.2, 0.8, *test], FILMS)
        found.info.update(threshold=0.5, temperature=1.5)
        table = pd.DataFrame({"image_id": list("abcd"), "perturbation": "noise", "severity": 2, "y_score": disturbed})
        table.to_csv(found.folder / rescoring.VALIDATION, index=False)
        return found

    return run


RIGHT, HALF = [0.2, 0.8, 0.2, 0.8], [0.2, 0.8, 0.8, 0.2]


def test_the_least_loss_on_disturbed_validation_films_wins_whatever_the_test_films_say(make):
    systems = {"good on test": [make("x", HALF, RIGHT)]}
    systems["good on validation"] = [make("y", HALF, HALF), make("y", RIGHT, HALF)]
    table = final_model.candidates(systems, "smoke")
    assert table.system.tolist() == ["good on validation", "good on test"]
    assert table.seeds.tolist() == [2, 1] and table.networks.tolist() == [1, 1]
    assert table["Accuracy"].iloc[1].startswith("1.000") and table["Accuracy"].iloc[0].startswith("0.500")
    assert final_model.choose(systems, "smoke").run_id == systems["good on validation"][1].run_id


def test_of_candidates_that_hold_the_result_the_smallest_is_taken(make, monkeypatch):
    """Two of four patients like one candidate better, two the other: they are not told apart. A third is worse on all films."""
    systems = {"large": [make("x", [0.1, 0.9, 0.45, 0.55], HALF)], "small": [make("y", [0.4, 0.6, 0.2, 0.8], HALF)]}
    systems["worse"] = [make("z", [0.6, 0.4, 0.6, 0.4], RIGHT)]
    sizes = {systems["large"][0].run_id: 3, systems["small"][0].run_id: 2, systems["worse"][0].run_id: 1}
    monkeypatch.setattr(final_model.members, "networks", lambda run, profile: [run] * sizes[run.run_id])
    table = final_model.candidates(systems, "smoke", {"small": "12"})
    assert table.system.tolist() == ["small", "large", "worse"] or table.system.tolist() == ["large", "small", "worse"]
    assert table.set_index("system")["ms a film"].to_dict() == {"small": "12", "large": "–", "worse": "–"}
    assert final_model.choose(systems, "smoke").run_id == systems["small"][0].run_id
    sizes[systems["large"][0].run_id] = 1
    assert final_model.choose(systems, "smoke").run_id == systems["large"][0].run_id


def test_a_goal_is_met_or_missed_by_how_much(make):
    table = final_model.goals(make("x", RIGHT, [0.2, 0.8, 0.6, 0.8])).set_index("figure")
    assert table.verdict["ROC AUC"] == "met" and table.verdict["Accuracy"] == "missed by 0.215"
    assert table.verdict["Specificity"] == "missed by 0.430" and table.goal["ECE"] == "≤ 0.02"
    assert table["perfectly calibrated"].iloc[-1] != "–" and (table["perfectly calibrated"].iloc[:-1] == "–").all()


def test_what_is_written_is_what_the_scores_say(make):
    run = make("x", RIGHT, [0.2, 0.8, 0.6, 0.8])
    content = json.loads(final_model.write(run, "smoke").read_text())
    assert (content["run_id"], content["threshold"], content["external_auc"]) == (run.run_id, 0.5, None)
    points, official = metrics.points(run.split("test")), content["official_test"]
    assert official["auc"] == points.roc_auc and official["ece"] == points.ece
    assert (official["sensitivity"], official["specificity"], official["accuracy"]) == (1, 0.5, 0.75)
    low, high = official["accuracy_ci"]
    assert low < 0.75 < high


def test_the_adult_films_stand_beside_where_they_were_scored(make):
    run = make("x", RIGHT, RIGHT)
    adults = pd.DataFrame({"image_id": list("mnop"), "patient_id": list("mnop"), "view": "PA", "finding": "?"})
    adults = adults.assign(y_true=[0, 1, 0, 1], y_score=[0.1, 0.9, 0.8, 0.7])
    adults.to_csv(run.folder / rescoring.EXTERNAL, index=False)
    content = json.loads(final_model.write(run, "smoke").read_text())
    assert content["external_auc"] == pytest.approx(0.75) and len(content["external_auc_ci"]) == 2
