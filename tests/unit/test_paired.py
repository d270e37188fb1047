"""Paired tests against definitions written out pair by pair, published formulas by hand, and statsmodels."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tiny_scores import random_scores, scores

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import paired


def other_scores(images, seed=1):
    """Return scores of a second, related system on the same images."""
    noise = np.random.default_rng(seed).normal(0, 0.2, len(images))
    return images.assign(y_score=(images.y_score + noise).clip(0, 1).round(1))


def delong(first, second):
    """Return difference, variance of the difference as DeLong et al. write them: every pair of images, sample covariances."""
    components = []
    for images in (first, second):
        positive, negative = (images.y_score[images.y_true == label].to_numpy() for label in (1, 0))
        order = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
        components.append((order.mean(axis=1), order.mean(axis=0)))
    by_positive, by_negative = (np.cov([pair[place] for pair in components]) for place in (0, 1))
    covariance = by_positive / len(positive) + by_negative / len(negative)
    gap = components[0][0].mean() - components[1][0].mean()
    return gap, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]


@pytest.mark.parametrize("ties", [True, False])
def test_with_one_image_a_patient_it_is_delongs_test(ties):
    images = random_scores(ties=ties)
    images["patient_id"] = images.image_id
    rival = other_scores(images)
    gap, variance = delong(images, rival)
    found = paired.auc_difference([images], [rival])
    assert found.value == pytest.approx(gap)
    assert (found.ci_high - found.ci_low) / 2 == pytest.approx(1.959964 * variance**0.5, rel=1e-6)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(gap) / variance**0.5))


def test_the_difference_is_that_of_the_aucs():
    images = random_scores()
    rival = other_scores(images)
    areas = [metrics.points(each).roc_auc for each in (images, rival)]
    assert paired.auc_difference([images], [rival]).value == pytest.approx(areas[0] - areas[1])


def test_copies_of_a_patients_images_add_nothing():
    images = random_scores(n=80)
    images["patient_id"] = images.image_id
    rival = other_scores(images)
    once = paired.auc_difference([images], [rival])
    twice = [pd.concat([each, each.assign(image_id=each.image_id + "-copy")]) for each in (images, rival)]
    assert paired.auc_difference(twice[:1], twice[1:]).to_dict() == pytest.approx(once.to_dict())
    alone = [each.assign(patient_id=each.image_id) for each in twice]  # the copies taken for other patients' images
    assert paired.auc_difference(alone[:1], alone[1:]).p_value < once.p_value


def test_patients_with_images_of_both_classes_agree_with_a_bootstrap_over_patients():
    images = random_scores(n=600, ties=False)  # patients are drawn without regard to the class
    patients, codes = np.unique(images.patient_id, return_inverse=True)
    moved = np.random.default_rng(1).normal(0, 0.5, len(patients))[codes]  # images of a patient rise and fall together
    rival = images.assign(y_score=(0.5 * images.y_score + 0.5 * stats.norm.cdf(moved)).round(3))
    found, drawn = paired.auc_difference([images], [rival]), metrics.difference([images], [rival]).loc["roc_auc"]
    assert found.ci_high - found.ci_low == pytest.approx(drawn.ci_high - drawn.ci_low, rel=0.06)


def test_seeds_count_by_their_mean():
    images = random_scores()
    seeds = [other_scores(images, seed) for seed in (1, 2)]
    singles = [paired.auc_difference([images], [seed]).value for seed in seeds]
    assert paired.auc_difference([images], seeds).value == pytest.approx(np.mean(singles))
    assert paired.auc_difference(seeds, seeds[::-1]).p_value == 1  # the same two seeds


def test_a_class_of_one_patient_has_no_variance():
    images = scores([1, 1, 0, 0], [0.9, 0.8, 0.1, 0.3], patients=["a", "a", "b", "c"])
    with pytest.raises(CxrError, match="two patients"):
        paired.auc_difference([images], [other_scores(images)])


def test_clustered_mcnemar_by_hand():
    # A: ours alone is right on both images; B: on its only one; C: theirs alone on one of three. Terms 2, 1, -1; 3 patients.
    ours, theirs = np.array([1, 1, 1, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])
    statistic = 2 / 3 * 2**2 / (4 + 1 + 1)
    assert paired.clustered_mcnemar(ours, theirs, list("AABCCC")) == pytest.approx(stats.chi2.sf(statistic, 1))


def test_clustered_mcnemar_of_single_images_is_mcnemars():
    ours, theirs = np.repeat([1, 0, 1, 0], [9, 3, 20, 5]), np.repeat([0, 1, 1, 0], [9, 3, 20, 5])
    p_value = paired.clustered_mcnemar(ours, theirs, np.arange(37))
    assert p_value == pytest.approx(stats.chi2.sf(36 / 37 * (9 - 3) ** 2 / (9 + 3), 1))
    assert paired.clustered_mcnemar(ours, ours, np.arange(37)) == 1


def test_clustered_mcnemar_and_the_interval_of_the_accuracy_answer_for_the_same_difference():
    """Of one patient ours is right about twenty images, of thirty others theirs about one: even by image, not by patient."""
    ours, theirs = np.repeat([1, 0], [20, 30]), np.repeat([0, 1], [20, 30])
    patients = np.repeat(np.arange(31), [20, *[1] * 30])
    assert paired.clustered_mcnemar(ours, theirs, patients) == pytest.approx(stats.chi2.sf(30 / 31 * 100 / 430, 1))


def test_each_seed_is_judged_at_its_own_threshold():
    images = scores([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1])
    assert list(paired.share_right([images, images], [0.5, 0.3])) == [1, 0.5, 0, 1]


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.04: times 3, 2, 1, and never less than the one before.
    assert list(paired.holm([0.04, 0.01, 0.02])) == pytest.approx([0.04, 0.03, 0.04])
