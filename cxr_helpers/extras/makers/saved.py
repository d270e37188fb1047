"""Saved models of runs, taken only where they are on this machine and score as their record says."""

import numpy as np

from cxr_helpers import experiments, records
from cxr_helpers.base import lazy
from cxr_helpers.config import Config
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.records import Record
from cxr_helpers.training import rescoring

keras = lazy.module("keras")

_CHECKED = 8  # images on which a saved model is compared with its record
AGREEMENT = 0.02  # largest difference between a stored score and the model's score on this machine


def of_run(record: Record, profile: str):
    """Return the run's saved Keras model; one that is missing, or scores images otherwise than the record, is a CxrError."""
    path = records.model_path(profile, record.run_id)
    names = [row.name for row in experiments.load(profile).values() if record.config in row.configs]
    command = f"`cxr train {' '.join(names) or 'NAME'} --profile {profile} --retrain` makes it anew"
    if not path.is_file():
        raise CxrError(f"The model of run {record.run_id} is not on this machine; {command}.")
    found = keras.saving.load_model(path, compile=False)
    parts = (record.split("test"), record.split("val"))  # some protocols test on none
    known = next((part for part in parts if len(part)), record.scores).head(_CHECKED)
    config = network_config(record, profile)
    images = packing.images(profile, known.image_id, config.size, config.variant)
    inputs = np.repeat(images[..., None].astype("float32"), found.input_shape[-1], axis=-1)
    difference = np.abs(found.predict_on_batch(inputs)[:, -1] - known.y_score).max()
    if not difference <= AGREEMENT:
        raise CxrError(f"{path} differs from run {record.run_id} by {difference:.3f} in a score; {command}.")
    return found


def network_config(run: Record, profile: str) -> Config:
    """Return the configuration of the network behind a run, the first where it joins several: it says what images it takes."""
    return network_config(rescoring.joined(run, profile)[0], profile) if run.config.members else run.config
