"""A run of the tiny detector on four known images, with its model saved."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_models import GREY, SIDE, detector, two_blobs

from cxr_helpers import paths
from cxr_helpers.config import Config
from cxr_helpers.data import manifest, packing
from cxr_helpers.records import Record


def explained(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return a record of the detector, whose saved model and four images lie where they are looked for in a `workplace`."""
    model, images = detector(), np.stack([two_blobs(), two_blobs()[::-1], np.full((SIDE, SIDE), GREY, "uint8"), two_blobs()])
    images[0, 22:26] = images[1, 22:26] = images[3, 6:10] = GREY  # bright, dark, grey, dark
    config, names = Config("custom_cnn", size=SIDE), ["a", "b", "c", "d"]
    path = paths.build("smoke") / "models" / f"{config.run_id}.keras"
    path.parent.mkdir(parents=True)
    model.save(path)
    monkeypatch.setattr(manifest, "load", lambda profile: pd.DataFrame({"image_id": names}))
    monkeypatch.setattr(packing, "load", lambda profile, size, variant: images)
    scores = model.predict(images[..., None].astype("float32"), verbose=0)[:, 0]
    test = pd.DataFrame({"image_id": names, "patient_id": names, "split": "test", "y_true": [1, 1, 0, 0], "y_score": scores})
    val = test.assign(split="val", y_true=(scores > 0.505).astype(int))
    folder = workplace / "run"
    folder.mkdir()
    made = Record(folder, config, {"run_id": config.run_id})
    made.__dict__["_tables"] = {"scores": pd.concat([val, test], ignore_index=True)}
    return made
