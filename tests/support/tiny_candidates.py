"""Runs with a threshold, a temperature and corrupted validation images, without training."""

from collections.abc import Callable

import pandas as pd
import pytest
from tiny_runs import stored

from cxr_helpers.data import manifest
from cxr_helpers.extras.makers import rescored
from cxr_helpers.training import rescoring

IMAGES = pd.DataFrame({"image_id": list("abcdefgh"), "patient_id": list("pqrstuvw"), "y_true": [0, 1] * 4})
IMAGES = IMAGES.assign(split=["val"] * 4 + ["test"] * 4)


def maker(monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Return what stores runs with a threshold of 0.5 and given scores of corrupted validation and of test images."""
    digests = IMAGES.assign(sha256=IMAGES.image_id)  # no image is there twice
    monkeypatch.setattr(manifest, "load", lambda profile: digests)
    monkeypatch.delenv("CXR_EXTERNAL_DIR", raising=False)
    store = stored(monkeypatch)

    def run(name, corrupted, test):
        found = store(name, [0.1, 0.9, 0.2, 0.8, *test], IMAGES)
        found.info.update(threshold=0.5, temperature=1.5)
        table = pd.DataFrame({"image_id": list("abcd"), "perturbation": "noise", "severity": 2, "y_score": corrupted})
        found.add(rescoring.VALIDATION, rescored.encoded(table, rescoring.VALIDATION))
        return found

    return run
