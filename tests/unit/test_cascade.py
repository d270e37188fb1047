"""A cascade decides as its thresholds say, chooses them on validation, and explains with the model that decided."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tiny_runs
from tiny_runs import IMAGES

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import cascade
from cxr_helpers.extras.makers.cascade import Thresholds
from cxr_helpers.extras.tables import cascade_tables

PAIR = Config("cascade", members=("quick", "slow"))


@pytest.fixture
def run(workplace, monkeypatch):
    return tiny_runs.stored(monkeypatch)


@pytest.fixture
def made(run):
    """Return a cascade's record. Validation: a NORMAL above b PNEUMONIA for the screen, so that from 0.3 on all are sent on."""
    run("quick", [0.8, 0.3, 0.2, 0.5], size=160)
    run("slow", [0.1, 0.9, 0.95, 0.85], size=80)
    info, tables = cascade.make(PAIR, "smoke")
    return records.write(PAIR, "smoke", {"run_id": PAIR.run_id} | info, tables)


def validation(normal: list[float], pneumonia: list[float]) -> pd.DataFrame:
    scores = pd.DataFrame({"y_score": normal + pneumonia, "y_true": [0] * len(normal) + [1] * len(pneumonia)})
    return scores.assign(image_id=[f"f{row:03d}" for row in scores.index], split="val")


def test_thresholds_allow_the_screen_one_error_in_200():
    # Missed below 0.3: the image at 0.05 only. False alarms from 0.9 on, the first score above 0.7: the image at 0.97 only.
    screen = validation([0.1] * 198 + [0.7, 0.97], [0.05, 0.3] + [0.9] * 198)
    confirm = validation([0.2] * 200, [0.6] * 200)
    chosen = cascade.choose(screen, confirm)
    assert (chosen.low, chosen.high, chosen.confirm) == (0.3, 0.9, 0.6)
    assert chosen.screen == 0.9  # Youden: 198 of 200 and 199 of 200


def test_where_one_threshold_serves_both_ends_nothing_is_sent_on():
    apart = validation([0.1, 0.2], [0.7, 0.8])
    chosen = cascade.choose(apart, apart)
    assert chosen.low == chosen.high == 0.7
    assert set(cascade.decide(np.linspace(0, 1, 50), np.zeros(50), chosen).stage) == {"screen"}
    crossed = validation([0.1] * 200, [0.3] + [0.9] * 199)  # one miss is allowed up to 0.9, no false alarm comes from 0.3 on
    chosen = cascade.choose(crossed, crossed)
    assert chosen.low == chosen.high == 0.9


def test_a_screen_that_is_never_sure_of_pneumonia_calls_none():
    inverted = validation([1.0, 0.9], [0.4, 0.3])
    chosen = cascade.choose(inverted, inverted)
    assert chosen.low == 0.3 and chosen.high > 1
    assert list(cascade.decide(np.array([0.29, 1.0]), np.zeros(2), chosen).stage) == ["screen", "confirm"]


def test_test_scores_choose_no_threshold():
    images = validation([0.1], [0.9])
    with pytest.raises(CxrError, match="validation only"):
        cascade.choose(images.assign(split="test"), images)


def test_decisions_and_scores_by_hand():
    thresholds = Thresholds(low=0.3, high=0.9, confirm=0.4, screen=0.5)
    decided = cascade.decide(np.array([0.15, 0.3, 0.89, 0.95]), np.array([0.99, 0.3, 0.4, 0.0]), thresholds)
    assert list(decided.stage) == ["screen", "confirm", "confirm", "screen"]
    # 0.15 is half of 0.3, of 0.25; 0.3 is three quarters of 0.4, from 0.25 to 0.5; 0.4 is the threshold; 0.95 is half-way
    # from 0.9 to 1, from 0.75 to 1.
    assert decided.y_score.tolist() == pytest.approx([0.125, 0.4375, 0.5, 0.875])


@pytest.mark.parametrize("threshold", [0.0, 1e-7, 0.3, 0.9999999, 1.0, float(np.nextafter(1, 2))])
def test_scores_keep_order_and_decision_even_when_rounded(threshold):
    scores = np.unique(np.clip([0, 1e-9, *np.linspace(0, 1, 101), threshold - 1e-9, threshold, threshold + 1e-9], 0, 1))
    centred = cascade.centred(scores, threshold)
    all_sent_on = cascade.decide(np.full(len(scores), 0.5), scores, Thresholds(0, 1, threshold, 0.5)).y_score
    for stored in (centred, all_sent_on):
        rounded = np.array([float(f"{score:.7g}") for score in stored])  # as a record does
        assert ((rounded >= 0.5) == (scores >= threshold)).all()
    assert (np.diff(centred) >= 0).all() and centred.min() >= 0 and centred.max() <= 1


def test_the_record_tells_who_decided(made):
    assert made.info["thresholds"] == {"low": 0.3, "high": pytest.approx(1), "confirm": 0.9, "screen": 0.3}
    decisions = made.table("decisions").set_index("image_id")
    assert decisions.stage.to_dict() == {"a": "confirm", "b": "confirm", "c": "screen", "d": "confirm"}
    assert decisions.loc["d", ["screen_score", "confirm_score"]].tolist() == [0.5, 0.85]
    assert made.info["sent_on"] == {"val": 1.0, "test": 0.5}
    called = made.scores.set_index("image_id").y_score >= 0.5
    assert called.to_dict() == {"a": False, "b": True, "c": False, "d": False}


def test_costs_add_the_second_model_for_the_share_sent_on(made):
    costs = cascade_tables.costs({"quick then slow": [made]}, {"quick": 10, "slow": 5}).iloc[0]
    times = ["screen (ms)", "second model (ms)", "cascade (ms)", "as a multiple of the second"]
    assert costs[times].tolist() == [10, 5, 12.5, 2.5] and costs["sent on"] == 0.5


def test_members_alone_are_compared_on_the_same_images(made):
    frames = cascade_tables.beside({"cascade": [made]})
    called = {name: dict(zip(frame.image_id, frame.y_score >= 0.5, strict=True)) for name, (frame,) in frames.items()}
    # Alone the quick one answers from 0.3 on (Youden on validation), the slow one from 0.9 on.
    assert called == {
        "cascade": {"c": False, "d": False},
        "quick alone": {"c": False, "d": True},
        "slow alone": {"c": True, "d": False},
    }
    row = cascade_tables.thresholds({"cascade": [made]}).iloc[0]
    assert row["NORMAL below"] == 0.3 and row["sent on, test"] == 0.5


def test_a_cascade_has_two_members_on_the_same_images(run):
    run("quick", [0.1, 0.9, 0.1, 0.9])
    run("other images", [0.1, 0.9, 0.1, 0.9], IMAGES.assign(y_true=[0, 1, 1, 0]))
    for members, sentence in ((("quick",), "not 1"), (("quick",) * 3, "not 3"), (("quick", "other images"), "different images")):
        with pytest.raises(CxrError, match=sentence):
            cascade.make(dataclasses.replace(PAIR, members=members), "smoke")
