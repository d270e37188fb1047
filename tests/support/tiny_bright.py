"""Images of which PNEUMONIA has a bright square, behind the same functions as the real set."""

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.data import dataset, manifest, packing, splits


def images(count: int, split: np.ndarray) -> pd.DataFrame:
    """Return row, image_id, patient_id, split and y_true of `count` images, two a patient, both of one class."""
    patients = np.repeat([f"p{number}" for number in range(count // 2)], 2)
    columns = {"row": np.arange(count), "image_id": [f"image{number}" for number in range(count)], "patient_id": patients}
    return pd.DataFrame(columns | {"split": split, "y_true": np.repeat(np.arange(count // 2) % 2, 2)})


def install(table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Let manifest, splits and packed arrays be those of `table`; return the pixels (N, 32, 32) uint8."""
    pixels = np.random.default_rng(0).integers(60, 120, (len(table), 32, 32)).astype("uint8")
    pixels[table.y_true == 1, 8:20, 8:20] = 250
    listed = table[["image_id", "patient_id", "y_true"]].assign(sha256=table.image_id)
    monkeypatch.setattr(manifest, "load", lambda profile: listed)
    monkeypatch.setattr(dataset, "discover", lambda profile: type("Source", (), {"pixels": "synthetic image"}))
    monkeypatch.setattr(splits, "load", lambda profile, protocol: table[["image_id", "patient_id", "split"]])
    monkeypatch.setattr(packing, "load", lambda profile, size, variant="none": pixels)
    return pixels
