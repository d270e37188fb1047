"""The split protocols, on a table that has the real set's counts but no images."""

import numpy as np
import pandas as pd
import pytest

from cxr_helpers import paths
from cxr_helpers.data import dataset, splits
from cxr_helpers.data import manifest as manifests
from cxr_helpers.errors import CxrError


def fabricated(counts: dict[tuple[str, str], int], images_per_patient: int = 2) -> pd.DataFrame:
    """Return a manifest of the given images per folder and class; every patient has the same number of images."""
    rows = [
        {"folder": folder, "label": label, "patient_id": f"{label}-{folder}-{number // images_per_patient}"}
        for (folder, label), count in counts.items()
        for number in range(count)
    ]
    table = pd.DataFrame(rows)
    table["image_id"] = [f"image{row:04d}" for row in range(len(table))]
    table["y_true"] = table["label"].map(dataset.LABELS)
    return table


@pytest.fixture(scope="module")
def manifest() -> pd.DataFrame:
    return fabricated(dataset.DATASET.counts)


@pytest.fixture(scope="module")
def tenth() -> pd.DataFrame:
    """A tenth of the set, for what must be done many times."""
    return fabricated({key: max(2, count // 10) for key, count in dataset.DATASET.counts.items()})


def tally(manifest: pd.DataFrame, split: pd.DataFrame) -> dict[tuple[str, str], int]:
    return split.merge(manifest, on="image_id").groupby(["split", "label"]).size().to_dict()


@pytest.mark.parametrize("protocol", splits.PROTOCOLS)
def test_every_image_has_one_place_in_the_manifests_order(manifest, protocol):
    before = manifest.copy()
    split = splits.make(manifest, protocol)
    assert split["image_id"].tolist() == manifest["image_id"].tolist()
    assert set(split["split"]) <= {"train", "val", "test"}
    pd.testing.assert_frame_equal(manifest, before)


@pytest.mark.parametrize("protocol", splits.PROTOCOLS)
def test_equal_seeds_give_equal_splits_and_others_do_not(tenth, protocol):
    pd.testing.assert_frame_equal(splits.make(tenth, protocol, 3), splits.make(tenth, protocol, 3))
    assert not splits.make(tenth, protocol, 3).equals(splits.make(tenth, protocol, 4))


@pytest.mark.parametrize("protocol", [name for name in splits.PROTOCOLS if name[:2] not in ("ra", "ki")])
def test_no_patient_is_in_two_parts(manifest, protocol):
    split = splits.make(manifest, protocol)
    assert split.groupby("patient_id")["split"].nunique().max() == 1


def test_official_keeps_the_test_folder_and_validates_on_a_tenth_of_the_patients(manifest):
    split = splits.make(manifest, "official")
    assert (split.loc[manifest["folder"] == "test", "split"] == "test").all()
    assert tally(manifest, split)["test", "NORMAL"] == 234
    assert tally(manifest, split)["test", "PNEUMONIA"] == 390
    for label in dataset.LABELS:
        patients = split[(manifest["label"] == label) & (split["split"] != "test")].drop_duplicates("patient_id")
        assert (patients["split"] == "val").mean() == pytest.approx(0.1, abs=0.002)


def test_official_trains_on_most_of_kaggles_val_folder(manifest):
    split = splits.make(manifest, "official")
    assert "train" in set(split.loc[manifest["folder"] == "val", "split"])


def test_official_does_not_depend_on_the_order_of_the_rows(manifest):
    shuffled = manifest.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        splits.make(shuffled, "official").sort_values("image_id", ignore_index=True), splits.make(manifest, "official")
    )


def test_rahman_has_the_counts_of_table_1(manifest):
    assert tally(manifest, splits.make(manifest, "rahman_919")) == {
        ("train", "PNEUMONIA"): 3418,
        ("train", "NORMAL"): 1224,
        ("val", "PNEUMONIA"): 214,
        ("val", "NORMAL"): 81,
        ("test", "PNEUMONIA"): 641,
        ("test", "NORMAL"): 278,
    }


def test_rahman_is_proportional_on_another_set():
    small = fabricated({("train", "NORMAL"): 158, ("test", "PNEUMONIA"): 427})
    # A tenth of the set: 1224, 81, 278 of 1583 and 3418, 214, 641 of 4273, rounded at the cumulative edges.
    assert tally(small, splits.make(small, "rahman_919")) == {
        ("train", "NORMAL"): 122,
        ("val", "NORMAL"): 8,
        ("test", "NORMAL"): 28,
        ("train", "PNEUMONIA"): 342,
        ("val", "PNEUMONIA"): 21,
        ("test", "PNEUMONIA"): 64,
    }


def test_kilaru_holds_out_a_fifth_of_each_class_and_has_no_test_set(manifest):
    parts = tally(manifest, splits.make(manifest, "kilaru_80_20"))
    assert {part for part, _ in parts} == {"train", "val"}
    assert parts["val", "NORMAL"] == round(0.2 * 1583)
    assert parts["val", "PNEUMONIA"] == round(0.2 * 4273)


def test_patient_folds_test_every_image_once(tenth):
    folds = [splits.make(tenth, f"patient_cv_{fold}")["split"] == "test" for fold in range(5)]
    assert (np.sum(folds, axis=0) == 1).all()
    shares = [tenth.loc[fold, "y_true"].mean() for fold in folds]
    assert shares == pytest.approx([tenth["y_true"].mean()] * 5, abs=0.02)


def test_an_unknown_protocol_and_a_tiny_set_are_refused(manifest):
    with pytest.raises(CxrError, match="'officail' is unknown; choose one of official"):
        splits.make(manifest, "officail")
    with pytest.raises(CxrError, match="too few for official"):
        splits.make(fabricated({("train", "NORMAL"): 2, ("train", "PNEUMONIA"): 2}), "official")


def test_a_stored_split_is_written_once_and_again_when_the_images_change(manifest, workplace, monkeypatch):
    monkeypatch.setattr(manifests, "load", lambda profile: manifest)
    monkeypatch.setattr(splits.dataset, "claim_results", lambda *_: None)
    path = paths.reports("full") / "splits" / "official.csv.gz"
    split = splits.load("full", "official")
    assert pd.read_csv(path, dtype=str).to_numpy().tolist() == split.to_numpy().tolist()
    first = path.stat().st_mtime_ns
    splits.load("full", "official")
    assert path.stat().st_mtime_ns == first
    monkeypatch.setattr(manifests, "load", lambda profile: manifest.iloc[1:])
    assert len(splits.load("full", "official")) == len(pd.read_csv(path)) == len(manifest) - 1


def test_rahman_by_patient_keeps_the_counts_and_parts_no_patient():
    patients = [f"P{i // 2}" for i in range(60)] + [f"N{i // 3}" for i in range(40)]
    labels = ["PNEUMONIA"] * 60 + ["NORMAL"] * 40
    images = pd.DataFrame({"patient_id": patients, "label": labels, "folder": "train"})
    images["image_id"] = [f"image{row}" for row in images.index]
    images["y_true"] = (images.label == "PNEUMONIA").astype(int)
    by_patient = splits.make(images, "rahman_919_by_patient").assign(label=labels)
    assert by_patient.groupby("patient_id").split.nunique().eq(1).all()
    by_image = splits.make(images, "rahman_919").assign(label=labels)
    counts = [part.groupby(["label", "split"]).size() for part in (by_patient, by_image)]
    assert (counts[0] - counts[1]).abs().max() <= 2  # no more than a patient's images beside the mark
