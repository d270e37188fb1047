"""Three classes of skin lesions become two; a table that disagrees with the folders is refused."""

import pytest
from tiny_images import image, save

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import skin_lesions


@pytest.fixture
def isic(tmp_path):
    """A photograph of each class in each part, and the table that names them."""
    names = [f"{part}/{kind}/{part}{kind}.jpg" for part in skin_lesions.PARTS for kind in skin_lesions.PUBLISHED]
    for seed, name in enumerate(names):
        save(tmp_path / name, image(seed))
    rows = "".join(f"{name},{','.join(name.split('/')[:2])},0\n" for name in names)
    (tmp_path / "labels.csv").write_text("file,split,class,melanoma\n" + rows)
    return tmp_path


def change(root, old, new):
    text = (root / "labels.csv").read_text()
    assert old in text
    (root / "labels.csv").write_text(text.replace(old, new, 1))


def complaint(root):
    with pytest.raises(CxrError) as caught:
        skin_lesions.read(root, "melanoma")
    assert str(root) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("positive", ["melanoma", "nevus"])
def test_one_class_is_told_from_the_other_two(isic, positive):
    table = skin_lesions.read(isic, positive)
    assert table["split"].tolist() == ["train"] * 3 + ["val"] * 3 + ["test"] * 3
    chosen = [f"{part}/{positive}/{part}{positive}.jpg" for part in skin_lesions.PARTS]
    assert table.image_id[table.y_true == 1].tolist() == chosen
    assert table.path.tolist() == [str(isic / name) for name in table.image_id]


def test_a_line_that_disagrees_with_its_folders_is_refused(isic):
    change(isic, "val,nevus", "val,melanoma")
    assert "labels.csv, line 7: val/nevus/valnevus.jpg does not lie in part 'val' and class 'melanoma'" in complaint(isic)
    change(isic, "train,nevus", "train,mole")
    assert "labels.csv, line 4: train/nevus/trainnevus.jpg does not lie in part 'train' and class 'mole'" in complaint(isic)


def test_a_missing_class_image_or_line_is_refused(isic):
    save(isic / "test" / "nevus" / "new.jpg", image(0))
    assert "new.jpg has no line in" in complaint(isic)
    (isic / "test" / "nevus" / "new.jpg").unlink()
    (isic / "val" / "nevus" / "valnevus.jpg").unlink()
    assert "labels.csv, line 7: the image val/nevus/valnevus.jpg is not below" in complaint(isic)
    change(isic, "val/nevus/valnevus.jpg,val,nevus,0\n", "")
    assert "names no image of val/nevus/" in complaint(isic)
    (isic / "labels.csv").unlink()
    assert "labels.csv cannot be read" in complaint(isic)
