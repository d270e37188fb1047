"""ChestX-ray14's own files are read as published, and refused where they contradict each other."""

import pytest
from tiny_images import image, save

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import chestxray14

HEADER_2017 = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
ROWS = {
    "00000001_000.png": ("Cardiomegaly", 1),
    "00000001_001.png": ("Cardiomegaly|Emphysema", 1),
    "00000002_000.png": ("No Finding", 2),
    "00000003_000.png": ("Pleural_Thickening|Hernia", 3),
}
TRAIN, TEST = ["00000001_000.png", "00000001_001.png", "00000002_000.png"], ["00000003_000.png"]


def line(name, labels, patient):
    return f"{name},{labels},0,{patient},058Y,M,PA,2682,2749,0.143,0.143,"


@pytest.fixture
def published(tmp_path):
    """A set of four images of three patients, in two folders, as the NIH lays them out."""
    lines = [HEADER_2017, *(line(name, *row) for name, row in ROWS.items())]
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "train_val_list.txt").write_text("\n".join(TRAIN))
    (tmp_path / "test_list.txt").write_text("\n".join(TEST))
    for number, name in enumerate(ROWS):
        save(tmp_path / f"images_{number // 2 + 1:03d}" / "images" / name, image(number))
    return tmp_path


def change(root, name, old, new):
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new, 1))


def complaint(root):
    with pytest.raises(CxrError) as caught:
        chestxray14.read(root)
    assert str(root) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_findings_patients_and_lists_arrive(published):
    images = chestxray14.read(published).set_index("image_id")
    assert images.split.to_dict() == {
        **{"00000001_000": "train", "00000001_001": "train", "00000002_000": "train"},
        "00000003_000": "test",
    }
    assert images.patient_id.tolist() == ["1", "1", "2", "3"]
    named = {name: set(row.index[row == 1]) for name, row in images[list(chestxray14.LABELS)].iterrows()}
    assert named["00000001_001"] == {"Cardiomegaly", "Emphysema"}
    assert named["00000002_000"] == set()
    assert named["00000003_000"] == {"Pleural_Thickening", "Hernia"}
    assert images.path["00000003_000"] == str(published / "images_002" / "images" / "00000003_000.png")


def test_the_release_of_2020_and_one_folder_of_images_give_the_same(published):
    before = chestxray14.read(published).drop(columns="path")
    text = (published / "Data_Entry_2017.csv").read_text()
    quoted = HEADER_2017.removesuffix(",").replace("OriginalImage[Width,Height]", '"OriginalImage[Width","Height]"')
    text = text.replace(HEADER_2017, quoted).replace(",\n", "\n").replace("058Y", "58")
    (published / "Data_Entry_2017_v2020.csv").write_text(text, encoding="utf-8-sig")
    (published / "Data_Entry_2017.csv").unlink()
    (published / "images").mkdir()
    for file in published.glob("images_*/images/*.png"):
        file.rename(published / "images" / file.name)
    assert chestxray14.read(published).drop(columns="path").equals(before)


def test_missing_files_are_named(published):
    (published / "test_list.txt").unlink()
    assert "test_list.txt cannot be read (No such file" in complaint(published)
    (published / "Data_Entry_2017.csv").unlink()
    assert "holds neither Data_Entry_2017.csv nor Data_Entry_2017_v2020.csv" in complaint(published)


def test_unknown_and_contradictory_findings_are_refused(published):
    change(published, "Data_Entry_2017.csv", "Pleural_Thickening|Hernia", "Pleural Thickening|Hernia")
    assert "line 5, column Finding Labels: 'Pleural Thickening' is unknown" in complaint(published)
    change(published, "Data_Entry_2017.csv", "Pleural Thickening|Hernia", "No Finding|Hernia")
    assert "line 5, column Finding Labels: No Finding stands beside a finding" in complaint(published)


def test_duplicates_and_empty_cells_are_refused(published):
    change(published, "Data_Entry_2017.csv", ",2,058Y", ",,058Y")
    assert "line 4: 00000002_000.png has no patient in the column Patient ID" in complaint(published)
    change(published, "Data_Entry_2017.csv", "00000002_000.png", "00000001_000.png")
    assert "line 4, column Image Index: 00000001_000.png is named a second time" in complaint(published)
    change(published, "Data_Entry_2017.csv", "Finding Labels", "Findings")
    assert "lacks the column Finding Labels" in complaint(published)


def test_lists_that_do_not_part_the_images_are_refused(published):
    lists = published / "train_val_list.txt", published / "test_list.txt"
    lists[0].write_text("\n".join(TRAIN + TEST))
    assert "test_list.txt, line 1: 00000003_000.png stands in train_val_list.txt too" in complaint(published)
    lists[0].write_text("\n".join(TRAIN[:-1]))
    assert "line 4: 00000002_000.png stands in neither" in complaint(published)
    lists[0].write_text("\n".join([*TRAIN, "00000009_000.png"]))
    assert "train_val_list.txt, line 4: 00000009_000.png does not stand in Data_Entry_2017.csv" in complaint(published)


def test_a_patient_in_both_lists_is_refused(published):
    (published / "train_val_list.txt").write_text("\n".join(TRAIN[:1] + TRAIN[2:]))
    (published / "test_list.txt").write_text("\n".join(TEST + TRAIN[1:2]))
    assert "line 3: patient 1 has images in both" in complaint(published)


def test_an_image_that_is_named_but_absent_is_refused(published):
    (published / "images_002" / "images" / "00000003_000.png").unlink()
    assert "line 5: the image 00000003_000.png is not below" in complaint(published)


def test_a_sample_is_read_and_must_agree_with_its_images(tmp_path):
    names = ["images/NORMAL/1_0.png", "images/PNEUMONIA/2_0.png"]
    for seed, name in enumerate(names):
        save(tmp_path / name, image(seed))
    table = tmp_path / "metadata.csv"
    table.write_text(f"file,label,nih_labels,patient\n{names[0]},NORMAL,No Finding,1\n{names[1]},PNEUMONIA,Edema|Pneumonia,2\n")
    images = chestxray14.read_sample(tmp_path)
    assert images.patient_id.tolist() == ["1", "2"] and set(images["split"]) == {""}
    assert images[["Edema", "Pneumonia", "Mass"]].to_numpy().tolist() == [[0, 0, 0], [1, 1, 0]]
    save(tmp_path / "images" / "3_0.png", image(3))
    with pytest.raises(CxrError, match="3_0.png has no line in .*metadata.csv"):
        chestxray14.read_sample(tmp_path)
    (tmp_path / "images" / "3_0.png").unlink()
    table.write_text(table.read_text().replace("Edema|", "Oedema|"))
    with pytest.raises(CxrError, match="metadata.csv, line 3, column nih_labels: 'Oedema' is unknown"):
        chestxray14.read_sample(tmp_path)
