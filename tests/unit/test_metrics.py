"""Metrics against hand-worked values and scikit-learn; the bootstrap against doing it one resample at a time."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics
from tiny_scores import FOUR, random_scores, scores

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap, metrics


def test_values_worked_out_by_hand():
    value = metrics.evaluate(FOUR, n_boot=50).value
    assert value.accuracy == value.precision == value.recall == value.specificity == value.balanced_accuracy == 0.5
    assert value.f1 == 0.5
    assert value.roc_auc == 0.75  # three of four pairs are in order
    assert value.pr_auc == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert value.brier == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert value.bce == pytest.approx(-(2 * np.log(0.9) + 2 * np.log(0.4)) / 4)
    assert value.ece == pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4)  # each image alone in its bin


def test_confusion_counts_a_score_at_the_threshold_as_pneumonia():
    assert metrics.confusion(FOUR, 0.5).tolist() == [[1, 1], [1, 1]]
    assert metrics.confusion(FOUR, 0.4).tolist() == [[1, 1], [0, 2]]


def test_perfect_calibration_has_no_calibration_error():
    y_true = np.r_[np.ones(3), np.zeros(1), np.ones(1), np.zeros(3)].astype(int)
    assert metrics.evaluate(scores(y_true, [0.75] * 4 + [0.25] * 4), n_boot=50).value.ece == pytest.approx(0)


def test_a_sure_error_has_a_finite_cross_entropy():
    assert metrics.evaluate(scores([1, 0], [0.0, 0.0]), n_boot=50).value.bce == pytest.approx(-np.log(1e-7) / 2)


@pytest.mark.parametrize("ties", [True, False])
def test_weighted_metrics_equal_scikit_learn_with_sample_weights(ties):
    images = random_scores(ties=ties)
    y, p, called = images.y_true, images.y_score, images.y_score >= 0.5
    weights = bootstrap.usable_weights(tuple(images.patient_id), tuple(y), 5, seed=1)
    ours = bootstrap.weighted_metrics(y.to_numpy(), p.to_numpy(), weights, 0.5)
    for row, w in enumerate(weights):
        theirs = {
            "accuracy": sklearn_metrics.accuracy_score(y, called, sample_weight=w),
            "bce": sklearn_metrics.log_loss(y, p.clip(1e-7, 1 - 1e-7), sample_weight=w),
            "precision": sklearn_metrics.precision_score(y, called, sample_weight=w),
            "recall": sklearn_metrics.recall_score(y, called, sample_weight=w),
            "f1": sklearn_metrics.f1_score(y, called, sample_weight=w),
            "specificity": sklearn_metrics.recall_score(y, called, pos_label=0, sample_weight=w),
            "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(y, called, sample_weight=w),
            "roc_auc": sklearn_metrics.roc_auc_score(y, p, sample_weight=w),
            "pr_auc": sklearn_metrics.average_precision_score(y, p, sample_weight=w),
            "brier": sklearn_metrics.brier_score_loss(y, p, sample_weight=w),
        }
        assert {name: ours[name][row] for name in theirs} == pytest.approx(theirs, abs=1e-12)


def test_point_values_and_unit_weights_agree():
    images = random_scores()
    ones = np.ones((1, len(images)))
    unit = bootstrap.weighted_metrics(images.y_true.to_numpy(), images.y_score.to_numpy(), ones, 0.3)
    value = metrics.evaluate(images, 0.3, n_boot=20).value
    assert value.to_dict() == pytest.approx({name: unit[name][0] for name in value.index})


def test_a_weight_repeats_all_images_of_a_patient():
    weights = bootstrap.patient_weights(np.array(["a", "b", "a", "c"]), 200, seed=0)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()  # as many patients are drawn as there are
    repeated = scores([1, 0, 1, 1, 0], [0.7, 0.5, 0.2, 0.7, 0.5])
    twice = bootstrap.weighted_metrics(np.array([1, 0, 1]), np.array([0.7, 0.5, 0.2]), np.array([[2.0, 2, 1]]), 0.5)
    assert twice["roc_auc"][0] == metrics.evaluate(repeated, n_boot=20).value.roc_auc


def test_patients_widen_the_interval_over_images():
    """Ten equal images of one patient tell no more than one image does."""
    few = random_scores(60, seed=3)
    tenfold = pd.concat([few] * 10, ignore_index=True)
    tenfold["image_id"] = [str(place) for place in range(len(tenfold))]
    width = {}
    for name, images in {"patients": tenfold, "images": tenfold.assign(patient_id=tenfold.image_id)}.items():
        auc = metrics.evaluate(images, n_boot=300).loc["roc_auc"]
        width[name] = auc.ci_high - auc.ci_low
    assert width["patients"] > 2 * width["images"]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    truth = 0.7602  # P(X > Y) for unit normals one standard deviation apart, Phi(1 / sqrt 2)
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y_true = np.repeat([0, 1], 60)
        p = 1 / (1 + np.exp(-(y_true + rng.normal(size=120))))
        auc = metrics.evaluate(scores(y_true, p), n_boot=200, seed=seed).loc["roc_auc"]
        covered += auc.ci_low <= truth <= auc.ci_high
    assert covered >= 51  # binomial(60, 0.95) falls below with probability 0.001


def test_the_same_seed_gives_the_same_table_whatever_the_order_of_rows():
    images = random_scores()
    first = metrics.evaluate(images, n_boot=100)
    pd.testing.assert_frame_equal(first, metrics.evaluate(images.sample(frac=1, random_state=1), n_boot=100))
    assert not first.equals(metrics.evaluate(images, n_boot=100, seed=1))


def test_an_interval_is_the_middle_95_percent_of_the_resamples():
    images = random_scores()
    y, p, patients = (images[name].to_numpy() for name in ("y_true", "y_score", "patient_id"))
    weights = bootstrap.usable_weights(tuple(patients), tuple(y), 100, seed=0)
    samples = np.sort(bootstrap.weighted_metrics(y, p, weights, 0.5)["brier"])
    ends = [samples[2] + 0.475 * (samples[3] - samples[2]), samples[96] + 0.525 * (samples[97] - samples[96])]
    assert metrics.evaluate(images, n_boot=100).loc["brier", ["ci_low", "ci_high"]].to_list() == pytest.approx(ends)


def test_the_mean_over_seeds_is_resampled_not_one_seed():
    images = random_scores()
    auc = metrics.evaluate([images, images.assign(y_score=1 - images.y_score)], n_boot=100).loc["roc_auc"]
    assert auc.to_list() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)  # always the one is as good as the other is bad


def test_seeds_share_their_resamples():
    a, b = random_scores(seed=0), random_scores(seed=0).assign(y_score=lambda images: images.y_score * 0.9)
    both, alone = metrics.evaluate([a, b], n_boot=100), [metrics.evaluate(images, n_boot=100) for images in (a, b)]
    assert both.value.brier == pytest.approx((alone[0].value.brier + alone[1].value.brier) / 2)
    # A second seed with the same ranks changes nothing; independent resamples would narrow the interval.
    assert both.loc["roc_auc"].to_list() == pytest.approx(alone[0].loc["roc_auc"].to_list())
    each = metrics.evaluate([a, b], [0.5, 0.45], n_boot=100)
    assert each.value.accuracy == pytest.approx(alone[0].value.accuracy)  # 0.45 is 0.5 on the second seed's scale


def test_counts_have_intervals_around_them():
    counts = metrics.evaluate(FOUR, n_boot=200).loc[list(metrics.COUNTS)]
    assert (counts.value == 1).all()
    assert (counts.ci_low == 0).all() and (counts.ci_high == 2).all()  # of two images a class, none or both
    images = random_scores()
    rates = metrics.evaluate(images, n_boot=200)
    assert rates.loc["tp"].to_list() == pytest.approx((rates.loc["recall"] * images.y_true.sum()).to_list())


def test_the_difference_is_paired():
    a = random_scores()
    nothing = metrics.difference([a], [a], n_boot=100)
    assert (nothing == 0).all(axis=None)
    worse = metrics.difference([a.assign(y_score=0.5)], [a], n_boot=200).loc["roc_auc"]
    auc = metrics.evaluate(a, n_boot=200).loc["roc_auc"]
    assert worse.to_list() == pytest.approx([0.5 - auc.value, 0.5 - auc.ci_high, 0.5 - auc.ci_low])


def test_compare_names_experiments_in_order():
    table = metrics.compare({"b": [FOUR], "a": [FOUR.assign(y_score=1 - FOUR.y_score)]}, "roc_auc", n_boot=20)
    assert table.value.to_dict() == {"b": 0.75, "a": 0.25} and list(table.index) == ["b", "a"]
    with pytest.raises(CxrError, match="auroc"):
        metrics.compare({"a": [FOUR]}, "auroc")


def test_one_class_resamples_are_left_out():
    images = scores([1, 0], [0.8, 0.3], patients=["a", "b"])
    table = metrics.evaluate(images, n_boot=1000)
    assert table.value.notna().all() and table.value["roc_auc"] == 1 and table.ci_low.isna().all()  # a class is one patient


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (FOUR.iloc[:0], "empty"),
        (FOUR[FOUR.y_true == 1], "one class"),
        (FOUR.assign(y_score=[0.1, np.nan, 0.2, 0.3]), "missing"),
        (FOUR.assign(y_score=[0.1, 1.2, 0.2, 0.3]), "leaves"),
        (pd.concat([FOUR, FOUR]), "i0000 is scored twice"),
    ],
)
def test_scores_that_tell_nothing_are_refused(images, words):
    with pytest.raises(CxrError, match=words):
        metrics.evaluate(images)


def test_runs_on_different_images_are_refused():
    with pytest.raises(CxrError, match="different images"):
        metrics.evaluate([FOUR, FOUR.assign(image_id=["a", "b", "c", "d"])])
    with pytest.raises(CxrError, match="No run"):
        metrics.evaluate([])


def test_the_roc_band_holds_the_curve_and_its_area():
    images = random_scores(ties=False)
    band = metrics.roc_band([images], n_boot=200)
    fpr, tpr, _ = sklearn_metrics.roc_curve(images.y_true, images.y_score)
    assert band.y[1:].to_list() == pytest.approx([tpr[fpr <= x + 1e-12][-1] for x in metrics.GRID], abs=0.02)
    assert np.trapezoid(band.y, band.x) == pytest.approx(sklearn_metrics.roc_auc_score(images.y_true, images.y_score), abs=0.005)
    assert ((band.ci_low <= band.y + 1e-9) & (band.y <= band.ci_high + 1e-9)).mean() > 0.95
    assert (band.iloc[0] == 0).all()


def test_the_pr_band_gives_the_precision_of_the_highest_threshold_that_reaches_a_sensitivity():
    band = metrics.pr_band([FOUR], n_boot=20).set_index("x").y
    assert band[0] == band[0.5] == 1  # 0.9 alone: one of two positives, no false alarm
    assert band[0.505] == band[1] == pytest.approx(2 / 3)


def test_reliability_uses_the_bins_of_the_calibration_error():
    images = random_scores()
    table = metrics.reliability(images)
    error = (table.n * (table.predicted - table.observed).abs()).sum() / table.n.sum()
    assert error == pytest.approx(metrics.evaluate(images, n_boot=20).value.ece)
    one = metrics.reliability(scores([1, 0], [0.5, 0.5])).iloc[0]
    assert (one.n, one.observed) == (2, 0.5) and one.ci_low == pytest.approx(0.0945, abs=1e-4)  # Wilson, 1 of 2


def test_the_bootstrap_of_a_whole_test_set_is_quick():
    images = random_scores(624, ties=False)
    started = time.process_time()
    metrics.evaluate(images)
    assert time.process_time() - started < 2  # processor time, so that a busy machine does not fail it


def test_the_interval_of_a_bin_holds_its_share_even_where_rounding_says_otherwise():
    for n in range(1, 200):
        y_true = np.r_[np.ones(n, int), 0]
        y_score = np.r_[np.full(n, 0.99), 0.01]
        ids = [f"i{i}" for i in range(n + 1)]
        scores = pd.DataFrame({"image_id": ids, "patient_id": ids, "split": "test", "y_true": y_true, "y_score": y_score})
        table = metrics.reliability(scores)
        assert (table.ci_low <= table.observed).all() and (table.observed <= table.ci_high).all()


def test_an_unpaired_difference_is_wider_than_a_paired_one_on_the_same_images():
    ours = random_scores(seed=0)
    theirs = ours.assign(y_score=ours.y_score.round(2).clip(0, 1))
    paired = metrics.difference([ours], [theirs]).loc["roc_auc"]
    unpaired = metrics.difference([ours], [theirs], paired=False).loc["roc_auc"]
    assert unpaired.value == pytest.approx(paired.value)
    assert unpaired.ci_low < 0 < unpaired.ci_high
    assert unpaired.ci_high - unpaired.ci_low > 3 * (paired.ci_high - paired.ci_low)


def perfect(positives: int, negatives: int, patients: int | None = None) -> pd.DataFrame:
    """Return scores without an error of so many images, each of a patient of its own or of so many a class."""
    y_true = np.repeat([1, 0], [positives, negatives])
    who = [f"{y}-{row if patients is None else row % patients}" for row, y in enumerate(y_true)]
    columns = {"image_id": [f"{row:03d}" for row in range(len(y_true))], "patient_id": who, "split": "test", "y_true": y_true}
    return pd.DataFrame(columns | {"y_score": np.where(y_true == 1, 0.9, 0.1) + np.arange(len(y_true)) * 1e-4})


def test_what_never_fails_has_wilson_limits_over_patients():
    found = metrics.evaluate(perfect(26, 26))
    assert found.value[["recall", "specificity", "accuracy", "precision", "roc_auc", "f1"]].eq(1).all()
    # Wilson's lower limit of 26 of 26 is 26 / (26 + 1.96²).
    for name in ("recall", "specificity", "precision", "balanced_accuracy", "f1"):
        assert found.ci_low[name] == pytest.approx(26 / (26 + 1.959964**2), abs=1e-6) and found.ci_high[name] == 1
    assert found.ci_low["accuracy"] == pytest.approx(52 / (52 + 1.959964**2), abs=1e-6)
    assert found.loc["tp", ["ci_low", "ci_high"]].tolist() == pytest.approx([26 * found.ci_low["recall"], 26])
    assert found.loc["fp", ["ci_low", "ci_high"]].tolist() == pytest.approx([0, 26 - 26 * found.ci_low["recall"]])
    assert 0.85 < found.ci_low["roc_auc"] < 0.99 and np.isnan(found.ci_low["pr_auc"])
    few = metrics.evaluate(perfect(26, 26, patients=3))  # images of one patient are no independent trials
    assert few.ci_low["recall"] == pytest.approx(3 / (3 + 1.959964**2), abs=1e-6)


def test_no_metric_has_an_interval_of_no_width():
    for images in (perfect(26, 26), perfect(2, 40), perfect(1, 1), perfect(8, 8, patients=1)):
        found = metrics.evaluate(images)
        width = found.ci_high - found.ci_low
        assert (width.isna() | (width > 1e-9)).all(), found


def test_a_class_of_one_patient_has_no_limits():
    found = metrics.evaluate(perfect(9, 9, patients=None).assign(patient_id=["p"] * 9 + list("abcdefghi")))
    assert found.ci_low.drop(["specificity", "tn", "fp"]).isna().all()
    assert found.ci_low["specificity"] == pytest.approx(9 / (9 + 1.959964**2), abs=1e-6)


def test_the_limits_of_a_whole_area_are_newcombe_s():
    # Newcombe's (1 - t)² = z² V(t) solved by hand for 10 and 10 cases: the found t must solve it, and more cases come nearer.
    low, high = bootstrap.area_limits(1.0, 10, 10)
    spread = low * (1 - low) * (1 + 9 * ((1 - low) / (2 - low) + low / (1 + low))) / 100
    assert high == 1 and (1 - low) ** 2 == pytest.approx(1.959964**2 * spread, rel=1e-4)
    assert low < bootstrap.area_limits(1.0, 100, 100)[0] < 1
    assert bootstrap.area_limits(0.0, 10, 10) == pytest.approx([0, 1 - low])


def test_a_mean_of_equal_shares_has_wilson_limits_and_of_one_patient_none():
    found = bootstrap.mean_interval(np.ones(20), np.arange(20))
    assert found.ci_low == pytest.approx(20 / (20 + 1.959964**2), abs=1e-6) and found.ci_high == 1
    assert np.isnan(bootstrap.mean_interval(np.ones(20), np.zeros(20)).ci_low)
