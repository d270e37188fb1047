"""An ensemble is the plain mean of runs on the same images, paired by seed."""

import pytest
import tiny_runs
from tiny_runs import IMAGES

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import ensemble
from cxr_helpers.training import rescoring


@pytest.fixture
def run(workplace, monkeypatch):
    return tiny_runs.stored(monkeypatch)


def scores_of(product) -> list[float]:
    return product[1]["scores"].set_index("image_id").y_score.loc[["a", "b", "c", "d"]].tolist()


def test_members_are_averaged_image_by_image_in_whatever_order_they_stand(run):
    one, other = run("x", [0.0, 1.0, 0.2, 0.6]), run("y", [1.0, 0.8, 0.4, 0.2], IMAGES.iloc[::-1], start="imagenet")
    product = ensemble.make(Config("ensemble", members=("x", "y")), "smoke")
    assert scores_of(product) == pytest.approx([0.1, 0.7, 0.5, 0.8])  # y's scores belong to d, c, b, a
    assert product[0]["members"] == [one.run_id, other.run_id]
    assert product[0]["initialisation"] == "random; imagenet"
    assert (product[0]["parameters"], product[0]["model_bytes"]) == (200, 14)


def test_seeds_are_paired_and_a_member_with_fewer_starts_again(run):
    for score in (0.1, 0.2, 0.3):
        run("three", [score] * 4)
    run("one", [0.5] * 4)
    product = ensemble.make(Config("ensemble", members=("three", "one"), seed=2), "smoke")
    assert scores_of(product) == pytest.approx([0.4] * 4)  # (0.3 + 0.5) / 2


def test_a_single_member_is_averaged_over_its_seeds(run):
    for score in (0.1, 0.2, 0.6):
        run("three", [score] * 4)
    assert scores_of(ensemble.make(Config("ensemble", members=("three",)), "smoke")) == pytest.approx([0.3] * 4)


def test_an_ensemble_whose_member_was_trained_anew_is_refused(run):
    first, second = run("three", [0.1, 0.9, 0.2, 0.8]), run("three", [0.3, 0.7, 0.4, 0.6])
    product = ensemble.make(Config("ensemble", members=("three",)), "smoke")
    whole = run("whole", [0.2, 0.8, 0.3, 0.7], model="ensemble", members=("three",))
    whole = records.write(whole.config, "smoke", whole.info | product[0], product[1])
    assert [each.run_id for each in rescoring.joined(whole, "smoke")] == [first.run_id, second.run_id]
    records.write(second.config, "smoke", second.info, {"scores": second.scores.assign(y_score=0.5)})
    with pytest.raises(CxrError, match=f"{whole.run_id} joins scores that its members no longer have.*--retrain"):
        rescoring.joined(whole, "smoke")


def test_what_cannot_be_joined_is_refused(run):
    run("x", [0.5] * 4)
    run("other images", [0.5] * 4, IMAGES.assign(image_id=["a", "b", "c", "e"]))
    run("other protocol", [0.5] * 4, protocol="rahman_919")
    with pytest.raises(CxrError, match="scored on different images"):
        ensemble.make(Config("ensemble", members=("x", "other images")), "smoke")
    with pytest.raises(CxrError, match="other protocol has no run under protocol 'official'"):
        ensemble.make(Config("ensemble", members=("x", "other protocol")), "smoke")
    with pytest.raises(CxrError, match="needs members"):
        ensemble.make(Config("ensemble"), "smoke")


def test_an_unknown_or_untrained_member_is_named(workplace):
    with pytest.raises(CxrError, match="'nowhere' is unknown"):
        ensemble.make(Config("ensemble", members=("nowhere", "vgg16_thesis")), "full")
    with pytest.raises(CxrError, match="cxr train vgg16_thesis"):
        ensemble.make(Config("ensemble", members=("vgg16_thesis", "resnet50_thesis")), "full")
