"""The matrix of hospitals: nobody is tested who was learnt from, and the figures are what the scores say."""

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import hospital_matrix, region_probes

GROUPS = ("Guangzhou", *hospital_matrix.RSNA, *hospital_matrix.NIH, "case reports")


@pytest.fixture
def images(monkeypatch):
    """Six groups of images that are bright where they are ill, but at NIH, where it is the other way round; two a patient."""
    rows, pixels = [], []
    for group in GROUPS:
        for place in range(24):
            fold = ("train", "val", "test")[place % 3] if group == "Guangzhou" else str(place // 2 % 2)
            ill = place // 6 % 2
            rows.append((group, "test" if group == "case reports" else fold, f"{group}{place}", f"{place // 2}", ill))
            pixels.append(
                np.full((8, 8), 40 + place % 6 + 100 * (ill if group not in hospital_matrix.NIH else 1 - ill), np.uint8)
            )
    table = pd.DataFrame(rows, columns=["group", "fold", "image_id", "patient_id", "y_true"])
    monkeypatch.setattr(hospital_matrix, "_images", lambda profile: (table, np.stack(pixels)))
    means = lambda name, parts, images, profile: {part: array.mean(axis=(1, 2))[:, None] for part, array in parts}  # noqa: E731
    monkeypatch.setattr(region_probes, "mean_maps", means)
    return table


def test_what_is_learnt_at_one_hospital_is_tested_on_patients_that_were_not_learnt_from(images, monkeypatch):
    learnt, regression = [], hospital_matrix.shortcut_baselines.regression

    def noted(x, rows):
        learnt.append(rows[rows.split == "train"])
        return regression(x, rows)

    monkeypatch.setattr(hospital_matrix.shortcut_baselines, "regression", noted)
    repeats = hospital_matrix.measure("full")
    assert len(learnt) == 2 * 2 * len(hospital_matrix.TRAINED) and not any(
        part.fold.isin(["val", "test"]).any() for part in learnt
    )
    for half, parts in (("0", learnt[: len(learnt) // 2]), ("1", learnt[len(learnt) // 2 :])):
        tested = repeats[(repeats.half == half) & ~repeats.tested.isin(["Guangzhou", "case reports"])]
        for part in parts:
            assert not set(part[part.group != "Guangzhou"].patient_id) & set(tested.patient_id)


def test_the_figures_are_areas_by_hospital(images):
    found = hospital_matrix.figures(hospital_matrix.measure("full")).set_index("figure")
    assert found.value["images; RSNA, AP"] == 24 and found.value["normal; RSNA, AP"] == 12
    assert found.value["images; Guangzhou"] == 8  # the test images alone, once
    assert found.value["network; RSNA, AP; RSNA, PA"] == 1 and found.value["network; Guangzhou; NIH, AP"] == 0
    assert found.value["outline; RSNA, AP; RSNA, PA"] == 0.5  # every image fills its outline
    assert found.value["network minus outline; RSNA, AP; RSNA, PA"] == 0.5
    assert np.isnan(found.ci_low["images; RSNA, AP"])


def test_without_the_images_a_sentence_says_what_to_set(monkeypatch):
    monkeypatch.delenv("CXR_SETS_DIR", raising=False)
    with pytest.raises(CxrError, match="set CXR_SETS_DIR"):
        hospital_matrix.measure("full")
