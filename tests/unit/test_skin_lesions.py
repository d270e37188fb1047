"""Three classes of skin lesions become two, from ISIC 2017's files and from folders."""

import pytest
from tiny_images import image, save

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import skin_lesions

HEADER = "image_id,melanoma,seborrheic_keratosis\n"


@pytest.fixture
def isic(tmp_path):
    """Two parts of ISIC 2017 with one photograph of each class, and an outline that is no photograph."""
    for part, first in (("Training", 0), ("Test_v2", 3)):
        names = [f"ISIC_{first + number:07d}" for number in range(3)]
        rows = "".join(f"{name},{cells}\n" for name, cells in zip(names, ("1.0,0.0", "0.0,1.0", "0.0,0.0"), strict=True))
        (tmp_path / f"ISIC-2017_{part}_Part3_GroundTruth.csv").write_text(HEADER + rows)
        for seed, name in enumerate(names):
            save(tmp_path / f"ISIC-2017_{part}_Data" / f"{name}.jpg", image(seed))
            save(tmp_path / f"ISIC-2017_{part}_Data" / f"{name}_superpixels.png", image(seed))
    return tmp_path


def test_the_published_parts_are_splits_and_melanoma_is_positive(isic):
    table = skin_lesions.read(isic).sort_values("image_id")
    assert table.image_id.tolist() == [f"ISIC_{number:07d}" for number in range(6)]
    assert table.y_true.tolist() == [1, 0, 0, 1, 0, 0]
    assert table.split.tolist() == ["train"] * 3 + ["test"] * 3
    assert all(path.endswith(f"{name}.jpg") for path, name in zip(table.path, table.image_id, strict=True))


def test_folders_of_the_three_classes_are_folded_too(tmp_path):
    for seed, folder in enumerate(skin_lesions.CLASSES):
        save(tmp_path / "train" / folder / "x.jpg", image(seed))
        save(tmp_path / "valid" / folder / "x.jpg", image(seed))
    table = skin_lesions.read(tmp_path)
    assert table.groupby("split").y_true.agg(["sum", "size"]).to_dict("index") == {
        "train": {"sum": 1, "size": 3},
        "val": {"sum": 1, "size": 3},
    }


def test_contradictory_files_are_refused(isic):
    (isic / "ISIC-2017_Test_v2_Data" / "ISIC_0000004.jpg").unlink()
    with pytest.raises(CxrError, match=r"Test_v2_Part3_GroundTruth.csv, line 3: the image ISIC_0000004 is not below"):
        skin_lesions.read(isic)
    (isic / "ISIC-2017_Test_v2_Part3_GroundTruth.csv").write_text(HEADER + "ISIC_0000003,1,0\nISIC_0000000,0,0\n")
    save(isic / "ISIC-2017_Test_v2_Data" / "ISIC_0000000.jpg", image(0))
    with pytest.raises(CxrError, match="ISIC_0000000 stands in the tables of two parts"):
        skin_lesions.read(isic)
    (isic / "ISIC-2017_Test_v2_Data").rename(isic / "elsewhere")
    with pytest.raises(CxrError, match="ISIC-2017_Test_v2_Data is missing"):
        skin_lesions.read(isic)
    (isic / "ISIC-2017_Test_v2_Part3_GroundTruth.csv").rename(isic / "ISIC-2017_Exam_Part3_GroundTruth.csv")
    with pytest.raises(CxrError, match="belongs to no part of ISIC 2017"):
        skin_lesions.read(isic)
    with pytest.raises(CxrError, match="is no folder"):
        skin_lesions.read(isic / "nowhere")
