"""Whatever is chosen, is chosen by code that cannot see a test score: here a record gives none, and still all is chosen."""

import pandas as pd
import pytest
from tiny_runs import stored

from cxr_helpers.extras.makers import rescored
from cxr_helpers.records import Record
from cxr_helpers.tables import candidates, selection
from cxr_helpers.training import rescoring

IMAGES = pd.DataFrame({"image_id": list("abcdefgh"), "patient_id": list("pqrstuvw"), "y_true": [0, 1] * 4})
IMAGES = IMAGES.assign(split=["val"] * 4 + ["test"] * 4)


class Blind(Record):
    """A record whose validation images can be read, and nothing else."""

    @property
    def scores(self):
        raise AssertionError("code that chooses has asked for all scores")

    def split(self, name):
        assert name == "val", f"code that chooses has asked for the scores of split {name}"
        return Record.table(self, "scores").query("split == 'val'").reset_index(drop=True)


@pytest.fixture
def runs(workplace, monkeypatch):
    """Two blind runs: the second separates the validation images better, and the corrupted ones too."""
    store, found = stored(monkeypatch), []
    for val in ([0.6, 0.5, 0.2, 0.8], [0.1, 0.7, 0.2, 0.8]):
        run = store("x", [*val, 0.5, 0.5, 0.5, 0.5], IMAGES)
        table = pd.DataFrame({"image_id": list("abcd"), "perturbation": "noise", "severity": 2, "y_score": val})
        run.add(rescoring.VALIDATION, rescored.encoded(table, rescoring.VALIDATION))
        found.append(Blind(run.folder, run.config, run.info))
    return found


def test_a_run_a_threshold_a_recipe_and_the_final_model_are_chosen_without_a_test_score(runs):
    assert selection.best_on_validation(runs) is runs[1]
    assert selection.thresholds(runs) == [0.8, 0.7]
    losses = candidates.losses(runs, "smoke")[[run.run_id for run in runs]].mean()
    assert losses.iloc[1] < losses.iloc[0]
    assert candidates.choose({"one": runs[:1], "two": runs[1:]}, "smoke") is runs[1]


def test_a_report_of_test_images_does_ask_for_them(runs):
    with pytest.raises(AssertionError, match="split test"):
        selection.scores(runs)
