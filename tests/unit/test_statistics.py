"""What a chapter says of an experiment follows from its scores, and validation alone decides."""

import types

import numpy as np
import pandas as pd

from cxr_helpers.tables import selection, statistics


def run(val_scores, test_scores=(0.1, 0.6, 0.4, 0.9), **info):
    """Return a stand-in for a record: two NORMAL, then two PNEUMONIA images in either split."""
    frames = {}
    for split, y_score in (("val", val_scores), ("test", test_scores)):
        ids = [f"{split}{i}" for i in range(4)]
        images = {"image_id": ids, "patient_id": ids, "split": split, "y_true": [0, 0, 1, 1], "y_score": y_score}
        frames[split] = pd.DataFrame(images)
    return types.SimpleNamespace(split=lambda name: frames[name], info=info)


SURE, UNSURE = run([0.1, 0.2, 0.7, 0.8]), run([0.1, 0.8, 0.2, 0.9])


def test_thresholds_come_from_validation():
    assert selection.thresholds([SURE]) == [0.7]


def test_a_run_that_was_made_with_an_operating_point_keeps_it():
    calibrated = run([0.1, 0.2, 0.7, 0.8], threshold=0.77)
    assert selection.thresholds([calibrated, SURE]) == [0.77, 0.7]


def test_best_on_validation_ignores_the_test_images():
    worse_on_test = run([0.1, 0.2, 0.7, 0.8], test_scores=(0.9, 0.8, 0.2, 0.1))
    assert selection.best_on_validation([UNSURE, worse_on_test]) is worse_on_test


def test_metric_table_has_both_thresholds():
    table = statistics.metric_table([SURE]).set_index("metric")
    assert table.loc["Sensitivity", "at 0.5"] == 0.5 and table.loc["Specificity", "at 0.5"] == 0.5
    assert table.loc["Specificity", "at operating point"] == 1.0
    assert table.loc["ROC AUC", "at 0.5"] == table.loc["ROC AUC", "at operating point"] == 0.75


def test_answers_name_classes_and_confidence_of_the_predicted_class():
    answered = selection.answers(SURE, 0.5)
    assert answered.predicted.tolist() == ["NORMAL", "PNEUMONIA", "NORMAL", "PNEUMONIA"]
    np.testing.assert_allclose(answered.confidence, [0.9, 0.6, 0.6, 0.9])
    assert answered.correct.tolist() == [True, False, False, True]


def test_examples_take_every_outcome():
    drawn = selection.examples(selection.answers(SURE, 0.5), 4)
    assert set(zip(drawn.y_true, drawn.y_predicted, strict=True)) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_differences_are_to_the_leader():
    scores = {"a": selection.scores([SURE]), "b": selection.scores([UNSURE])}
    table = statistics.differences(scores, "a", "roc_auc")
    assert table.experiment.tolist() == ["b"] and table.difference.tolist() == [0.0]
