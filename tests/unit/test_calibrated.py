"""A calibrated experiment: temperature and threshold from corrupted validation images, by hand; test images choose nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from tiny_models import GREY, SIDE, detector
from tiny_runs import stored

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import calibrated, rescored, saved
from cxr_helpers.training import rescoring

IMAGES = pd.DataFrame({"image_id": list("abcdef"), "patient_id": list("pqrstu"), "y_true": [0, 1, 0, 1, 0, 1]})
IMAGES = IMAGES.assign(split=["val"] * 4 + ["test"] * 2)
CONFIG = Config("calibrated", members=("one",))
# Odds of 9 to 1 that are right three times of four: at T = 2 they are odds of 3 to 1, which fit exactly.
DISTURBED = [0.1] * 3 + [0.9] + [0.9] * 3 + [0.1]


@pytest.fixture
def make(workplace, monkeypatch):
    """Store runs of an experiment with corrupted validation images: four of each class, three of each right."""
    store = stored(monkeypatch)

    def run(test=(0.2, 0.8), **options):
        found = store("one", [0.1, 0.9, 0.1, 0.9, *test], IMAGES, **options)
        table = pd.DataFrame({"image_id": list("acacbdbd"), "perturbation": ["noise", "noise", "blur", "blur"] * 2})
        table = pd.concat([table.assign(severity=2, y_score=DISTURBED), table.assign(severity=0, y_score=0.5)])
        found.add(rescoring.VALIDATION, rescored.encoded(table, rescoring.VALIDATION))
        return found

    return run


def test_temperature_and_threshold_come_from_corrupted_validation_images(make):
    make()
    info, tables = calibrated.make(CONFIG, "smoke")
    assert info["temperature"] == pytest.approx(2, rel=1e-3)
    assert info["threshold"] == pytest.approx(0.75, abs=1e-3)  # the score 0.9 at that temperature
    scores = tables["scores"].set_index("image_id").y_score
    assert scores["f"] == pytest.approx(expit(logit(0.8) / 2), abs=1e-4) and scores["b"] == pytest.approx(0.75, abs=1e-3)


def test_test_images_choose_nothing(make):
    infos = []
    for seed, test in enumerate([(0.2, 0.8), (0.99, 0.01)]):
        make(test)
        infos.append(calibrated.make(Config("calibrated", members=("one",), seed=seed), "smoke")[0])
    assert infos[0]["temperature"] == infos[1]["temperature"] and infos[0]["threshold"] == infos[1]["threshold"]


def test_the_saved_network_answers_at_the_temperature(make, monkeypatch):
    run = make(model="custom_cnn", size=SIDE)
    path = records.model_path("smoke", run.run_id)
    path.parent.mkdir(parents=True)
    detector().save(path)
    images = np.stack([np.full((SIDE, SIDE), grey, np.uint8) for grey in (GREY, 60)])
    monkeypatch.setattr(packing, "images", lambda *_, **__: images)
    plain = detector().predict(images[..., None].astype("float32"), verbose=0)[:, 0]
    monkeypatch.setattr(saved, "AGREEMENT", 1.0)  # the record's scores are not this detector's
    info = calibrated.make(CONFIG, "smoke")[0]
    import keras

    model = keras.saving.load_model(records.model_path("smoke", CONFIG.run_id), compile=False)
    found = model.predict(images[..., None].astype("float32"), verbose=0)[:, 0]
    assert found == pytest.approx(expit(logit(plain) / info["temperature"]), abs=1e-5)
    assert info["model_bytes"] == records.model_path("smoke", CONFIG.run_id).stat().st_size


def test_what_cannot_be_calibrated_is_refused(make):
    make()
    for members in ((), ("one", "one")):
        with pytest.raises(CxrError, match="has one member"):
            calibrated.make(Config("calibrated", members=members), "smoke")
