"""Other hospitals' images: read from their tables, scored by the steps of `cxr score`, and made figures by the right labels."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import tiny_external
from published_detector import published, rules  # noqa: F401
from tiny_candidates import maker
from tiny_images import image

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import own_images, published_model
from cxr_helpers.extras.makers import rescored
from cxr_helpers.extras.other_sets import hospital_images
from cxr_helpers.tables import final_model
from cxr_helpers.training import rescoring

RIGHT = [0.2, 0.8, 0.2, 0.8]
# image, label mined from the report, radiologists' class, age, view, score
ROWS = [
    ("a", "PNEUMONIA", "Normal", "40", "AP", 0.1),
    ("b", "NORMAL", "Lung Opacity", "50", "AP", 0.9),
    ("c", "NORMAL", "", "9", "PA", 0.3),
    ("d", "PNEUMONIA", "", "12", "PA", 0.6),
    ("e", "NORMAL", "Normal", "60", "PA", 0.4),
    ("f", "PNEUMONIA", "Lung Opacity", "61", "PA", 0.2),
    ("g", "PNEUMONIA", "No Lung Opacity / Not Normal", "62", "PA", 0.9),
]


def write(root, name, labels):
    """Write a set of seven dark and bright images as published below `root`."""
    rows = []
    for number, (stem, label, finding, age, view, _) in enumerate(ROWS):
        path = root / name / "images" / f"{stem}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image(number, 48, 40))
        rows.append([f"images/{stem}.jpg", labels[label], finding, f"p{stem}", age, view])
    pd.DataFrame(rows, columns=["file", "label", "rsna_class", "patient", "age", "view"]).to_csv(
        root / name / "metadata.csv", index=False
    )
    return root / name


def test_labels_views_and_ages_are_read_from_the_table(tmp_path):
    folder = write(tmp_path, "nih", {"NORMAL": "NORMAL", "PNEUMONIA": "PNEUMONIA"})
    table = hospital_images.images(folder)
    assert table.y_true.tolist() == [1, 0, 0, 1, 0, 1, 1] and table.age.tolist() == [40, 50, 9, 12, 60, 61, 62]
    assert table.image_id.tolist() == list("abcdefg") and table.finding[2] == ""
    lungs = write(tmp_path, "rsna_lungs", {"NORMAL": "NORMAL", "PNEUMONIA": "LUNG_OPACITY"})
    assert hospital_images.images(lungs).y_true.tolist() == table.y_true.tolist()


def test_an_unknown_label_and_a_missing_image_are_named_with_their_line(tmp_path):
    folder = write(tmp_path, "nih", {"NORMAL": "NORMAL", "PNEUMONIA": "ill"})
    with pytest.raises(CxrError, match="line 2, column label: 'ill' is unknown; write NORMAL or PNEUMONIA"):
        hospital_images.images(folder)
    folder = write(tmp_path, "nih", {"NORMAL": "NORMAL", "PNEUMONIA": "PNEUMONIA"})
    (folder / "images" / "c.jpg").unlink()
    with pytest.raises(CxrError, match="line 4: the image images/c.jpg is not below"):
        hospital_images.images(folder)


def test_a_mask_gives_the_label_away_where_its_shape_goes_with_it(tmp_path):
    rng, rows = np.random.default_rng(0), []
    for number in range(40):
        mask = np.full((32, 32), 200, np.uint8)
        mask[: 16 if number % 2 else 4] = 0
        cv2.imwrite(str(tmp_path / f"{number}.png"), mask + rng.integers(0, 5, mask.shape, dtype=np.uint8))
        rows.append({"path": tmp_path / f"{number}.png", "y_true": number % 2, "patient_id": str(number // 2)})
    told = hospital_images.by_mask(pd.DataFrame(rows))
    assert ((told > 0.5) == (np.arange(40) % 2)).all()


@pytest.fixture
def run(workplace, monkeypatch):
    """A final model with scores of `ROWS` as NIH's images."""
    found = maker(monkeypatch)("x", RIGHT, [0.2, 0.8, 0.6, 0.8])
    table = pd.DataFrame(ROWS, columns=["image_id", "label", "finding", "age", "view", "y_score"])
    table = table.assign(patient_id=table.image_id, y_true=(table.label == "PNEUMONIA").astype(int))
    found.add(rescoring.NIH, rescored.encoded(table.drop(columns="label"), rescoring.NIH))
    return found


def test_radiologists_judge_first_and_children_stand_apart(run):
    scored = final_model.hospital_scores(run, "smoke")
    assert list(scored) == [name for name in final_model.SETS if name.startswith("nih")]
    judged = scored["nih_radiologists"].set_index("image_id").y_true
    assert judged.to_dict() == {"a": 0, "b": 1, "e": 0, "f": 1}  # their class, not the report's; no third class
    assert scored["nih_children"].image_id.tolist() == ["c", "d"]
    found = final_model.hospital_figures(scored)
    assert found["nih_radiologists"]["auc"] == 0.75 and found["nih_radiologists"]["n_normal"] == 2
    assert found["nih_children"] | {"auc_ci": 0} == {"auc": 1.0, "n": 2, "n_normal": 1, "auc_ci": 0}
    table = final_model.hospital_table(scored, 0.5).set_index("images of")
    assert table.loc["NIH, radiologists' class, view PA", "ROC AUC"] == 0


def test_final_model_json_holds_them(run, monkeypatch):
    images = pd.DataFrame({"image_id": list("efgh"), "sha256": ["1", "2", "1", "3"]})
    monkeypatch.setattr(final_model.manifest, "load", lambda profile: images)
    content = json.loads(final_model.write(run, "smoke").read_text())
    assert set(content["external"]) == {"nih_radiologists", "nih_children"} and content["external_auc"] is None
    assert content["duplicates_removed"]["n"] == 3 and content["duplicates_removed"]["specificity"] == 1  # g, a false alarm, is e
    assert 0 < content["ece_bound"] < 1 and content["official_test"]["specificity"] == 0.5


def test_the_record_and_the_command_give_one_score(published, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(tiny_external.write(tmp_path / "adults")))
    recorded = rescored.adults(rescored.of_model(*published_model.load(published))).set_index("image_id").y_score
    rows = pd.read_csv(tmp_path / "adults" / "metadata.csv").rename(columns={"image": "path"})
    rows[["path", "label"]].to_csv(tmp_path / "adults" / "list.csv", index=False)
    scores, *_ = own_images.score(tmp_path / "adults" / "list.csv", published)
    told = scores.set_index(scores.image_id.map(lambda name: name[7:-4])).y_score
    np.testing.assert_allclose(told[recorded.index], recorded, rtol=0, atol=1e-6)
