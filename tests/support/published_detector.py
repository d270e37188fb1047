"""Fixtures: a tiny model whose answer for an image is known, published as the model of a run."""

import numpy as np
import pandas as pd
import pytest
from tiny_models import SIDE, detector

from cxr_helpers.config import Config
from cxr_helpers.extras.inference import out_of_distribution, published_model
from cxr_helpers.extras.makers import saved
from cxr_helpers.extras.other_sets import synthetic
from cxr_helpers.records import Record

PATIENTS = [f"p{number}" for number in range(8)]
SCORES = pd.DataFrame(
    {
        "image_id": PATIENTS,
        "patient_id": PATIENTS,
        "split": "test",
        "y_true": [0, 0, 0, 0, 1, 1, 1, 1],
        "y_score": [0.1, 0.2, 0.3, 0.9, 0.8, 0.7, 0.9, 0.95],
    }
)


@pytest.fixture(scope="module")
def rules():
    """Return what twenty drawn images teach of frontal radiographs."""
    drawn = [synthetic.image(seed, "NORMAL").image for seed in range(20)]
    return out_of_distribution.learn(np.stack([out_of_distribution.thumbnail(image) for image in drawn]))


@pytest.fixture
def published(workplace, monkeypatch, rules):
    """Publish the detector as the model of a run of the smoke profile, with rules for warnings; return its folder."""
    config = Config("custom_cnn", size=SIDE)
    info = {"run_id": config.run_id, "initialisation": "random start", "pixels": "synthetic image"}
    record = Record(workplace, config, info)
    record.__dict__["_tables"] = {"scores": SCORES}
    monkeypatch.setattr(saved, "of_run", lambda run, profile: detector())
    folder = published_model.publish(record, "smoke", threshold=0.5)
    out_of_distribution.store(rules, folder)
    return folder
