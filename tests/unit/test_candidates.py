"""The final model is chosen on corrupted validation images, whatever the test images say."""

import pytest
from tiny_candidates import IMAGES, maker

from cxr_helpers.evaluation import calibration
from cxr_helpers.tables import candidates, training_configurations

RIGHT, HALF = [0.2, 0.8, 0.2, 0.8], [0.2, 0.8, 0.8, 0.2]


@pytest.fixture
def make(tmp_path, monkeypatch):
    return maker(tmp_path, monkeypatch)


def test_the_least_loss_on_corrupted_validation_images_wins_whatever_the_test_images_say(make):
    systems = {"good on test": [make("x", HALF, RIGHT)]}
    systems["good on validation"] = [make("y", HALF, HALF), make("y", RIGHT, HALF)]
    table = candidates.table(systems, "smoke", {}, {})
    assert table.system.tolist() == ["good on validation", "good on test"]
    assert table.seeds.tolist() == [2, 1] and table.networks.tolist() == [1, 1]
    assert table["Accuracy"].iloc[1].startswith("1.000") and table["Accuracy"].iloc[0].startswith("0.500")
    assert candidates.choose(systems, "smoke").run_id == systems["good on validation"][1].run_id


def test_of_candidates_that_hold_the_result_the_smallest_is_taken(make, monkeypatch):
    """Two of four patients like one candidate better, two the other: they are not told apart. A third is worse on all images."""
    systems = {"large": [make("x", [0.1, 0.9, 0.45, 0.55], HALF)], "small": [make("y", [0.4, 0.6, 0.2, 0.8], HALF)]}
    systems["worse"] = [make("z", [0.6, 0.4, 0.6, 0.4], RIGHT)]
    sizes = {systems["large"][0].run_id: 3, systems["small"][0].run_id: 2, systems["worse"][0].run_id: 1}
    monkeypatch.setattr(candidates.members, "networks", lambda run, profile: [run] * sizes[run.run_id])
    table = candidates.table(systems, "smoke", {"small": "12"}, {})
    assert table.system.iloc[-1] == "worse"
    gaps = table.set_index("system")[candidates.GAP]
    assert gaps.iloc[0] == "–" and gaps.iloc[1].startswith("+0.") and "(-0." in gaps.iloc[1]  # not told apart
    assert "(+0." in gaps.worse and list(candidates.held(systems, "smoke")) == list(gaps.index[:2])
    assert table.set_index("system")["ms an image"].to_dict() == {"small": "12", "large": "–", "worse": "–"}
    assert candidates.choose(systems, "smoke").run_id == systems["small"][0].run_id
    sizes[systems["large"][0].run_id] = 1
    assert candidates.choose(systems, "smoke").run_id == systems["large"][0].run_id


def test_shortcut_baselines_stand_below_at_their_own_threshold(make):
    scores = IMAGES.assign(y_score=[0.3, 0.6, 0.3, 0.6] + RIGHT)
    table = candidates.table({"one": [make("x", RIGHT, RIGHT)]}, "smoke", {}, {"image width": scores})
    assert table.system.tolist() == ["one", "shortcut baseline: image width"]
    assert table["MB"].tolist() == ["0.0", "–"] and table["Accuracy"].iloc[1].startswith("1.000")  # at 0.6, from validation


def test_a_further_network_is_a_mean_over_all_choices(make):
    """Two networks of which each is wrong about another image: their mean is right about all."""
    runs = [make("x", [0.1, 0.9, 0.1, 0.4], [0.1, 0.9, 0.1, 0.05]), make("x", [0.1, 0.4, 0.1, 0.9], [0.1, 0.05, 0.1, 0.9])]
    table = candidates.sizes(runs, "smoke")
    assert table.networks.tolist() == [1, 2] and table.choices.tolist() == [2, 1]
    assert table["ROC AUC, test"].iloc[0].startswith("0.500") and table["ROC AUC, test"].iloc[1].startswith("1.000")
    assert table["difference (95 % CI)"].iloc[0] == "–" and table["difference (95 % CI)"].iloc[1].startswith("+0.500")
    (each, both) = table[training_configurations.LOSS]
    mean = IMAGES[IMAGES.split == "val"].assign(y_score=[0.1, 0.65, 0.1, 0.65])
    assert both < each and both == pytest.approx(
        calibration.cross_entropy(calibration.tempered(mean, calibration.fit_temperature(mean))).mean()
    )
