"""Runs without training: records of given scores on four images, found under the name of an experiment."""

from collections.abc import Callable

import pandas as pd
import pytest

from cxr_helpers import records
from cxr_helpers.config import Config

IMAGES = pd.DataFrame({"image_id": ["a", "b", "c", "d"], "patient_id": ["p", "q", "r", "s"], "y_true": [0, 1, 0, 1]})
IMAGES = IMAGES.assign(split=["val", "val", "test", "test"])


def stored(monkeypatch: pytest.MonkeyPatch) -> Callable[..., records.Record]:
    """Return a function that stores one more run of an experiment in the test's `workplace`; `records.of` finds it there."""
    stores: dict[str, list[records.Record]] = {}

    def store(name: str, y_score: list[float], images: pd.DataFrame = IMAGES, **options) -> records.Record:
        runs = stores.setdefault(name, [])
        number = list(stores).index(name)
        config = Config(**{"model": "mobilenet", "weight_decay": number / 10, "seed": len(runs), **options})
        info = {"initialisation": config.start, "pixels": "drawn", "data_hash": "h", "images": {"val": 2, "test": 2}}
        info |= {"run_id": config.run_id, "parameters": 100, "model_bytes": 7}
        runs.append(records.write(config, "smoke", info, {"scores": images.assign(y_score=y_score)}))
        return runs[-1]

    monkeypatch.setattr(records, "of", lambda name, profile: stores[name])
    return store
