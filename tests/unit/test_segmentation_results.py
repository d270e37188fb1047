"""What is said of the segmenter, against values worked out by hand on a few stored images."""

import numpy as np
import pandas as pd
import pytest

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.extras.statistics.cardiothoracic import FIGURES
from cxr_helpers.extras.tables import segmentation_tables as results


def measured(name, image, y_true, source, ratio, parts=2):
    row = {"image_id": image, "set": name, "patient_id": image, "y_true": y_true, "source": source, "lung_parts": parts}
    return row | dict.fromkeys(FIGURES, 0.3) | {"cardiothoracic_ratio": ratio, "lung_asymmetry": -ratio}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two seeds: Dice 0.8 and 0.6 on the synthetic image a, 0.4 on both of b; six test images."""
    monkeypatch.setattr(records.paths, "runs", lambda profile: tmp_path)
    made = []
    for seed, dice in enumerate((0.8, 0.6)):
        rows = [("a", "lungs", dice), ("b", "lungs", 0.4), ("a", "heart", 1.0), ("b", "heart", 1.0)]
        overlap = pd.DataFrame(rows, columns=["image_id", "structure", "dice"]).assign(set="synthetic", iou=0.2, null_dice=0.3)
        overlap["patient_id"] = overlap.image_id
        measures = [measured("synthetic", image, 0, "truth", ratio) for image, ratio in (("a", 0.30), ("b", 0.40), ("c", 0.50))]
        measures += [measured("synthetic", image, 0, "predicted", ratio) for image, ratio in (("a", 0.32), ("b", 0.46))]
        measures.append(measured("synthetic", "c", 0, "predicted", np.nan))
        shift = 0.1 * seed  # the mean of two seeds is 0.05 above the first
        for place, ratio in enumerate((0.1, 0.2, 0.3, 0.25, 0.4, np.nan if seed else 0.5)):
            measures.append(measured("films", f"f{place}", place // 3, "predicted", ratio + shift, parts=2 - (place == 5)))
        corners = [("a", "synthetic", "lungs", part, x, x) for part in (0, 1) for x in (0.1, 0.2, 0.3)]
        outlines = pd.DataFrame(corners, columns=["image_id", "set", "structure", "part", "x", "y"])
        tables = {"dice": overlap, "measures": pd.DataFrame(measures), "outlines": outlines}
        made.append(records.write(Config("unet", seed=seed), "smoke", {"run_id": f"s{seed}"}, tables))
    return made


def test_dice_is_the_mean_over_seeds_with_an_interval_over_patients(runs):
    table = results.overlap_table(runs).set_index("structure")
    assert list(table.index) == ["lungs", "heart"] and set(table.set) == {"synthetic, as drawn"}
    columns = ["Dice (95 % CI)", "Dice (95 % CI)_low", "Dice (95 % CI)_high"]
    assert table.loc["lungs", columns].to_list() == pytest.approx([0.55, 0.4, 0.7])  # of 0.7 and 0.4, either drawn twice at most
    assert table.loc["heart", columns].to_list() == [1, 1, 1] and table["Dice of one fixed outline"]["heart"] == pytest.approx(0.3)
    assert table["SD over seeds"]["lungs"] == pytest.approx(np.std([0.6, 0.5], ddof=1), abs=5e-4)
    assert table["weakest tenth, Dice below"]["lungs"] == pytest.approx(0.43)  # a tenth of the way from 0.4 to 0.7


def test_the_reported_figures_are_the_same_means(runs):
    found = results.dice_figures(runs, "test")
    assert found.loc["Dice lungs, synthetic"].to_list() == pytest.approx([0.55, 0.4, 0.7])


def test_ratios_are_compared_where_both_are_known(runs):
    ratios = results.ratios(runs[0])
    assert ratios.image_id.tolist() == ["a", "b", "c"] and ratios.truth.tolist() == [0.3, 0.4, 0.5]
    (row,) = results.ratio_table(runs).to_dict("records")
    assert (row["images"], row["least true ratio"], row["largest"]) == (3, 0.3, 0.5)
    assert row["measurable"] == pytest.approx(2 / 3)
    assert row["mean absolute error"] == pytest.approx(0.04)
    assert row["of a constant"] == pytest.approx(0.2 / 3)  # 0.4 for each of 0.3, 0.4, 0.5
    assert row["correlation"] == pytest.approx(1)  # two points


def test_a_figure_that_one_seed_missed_counts_for_none(runs):
    table = results.figures(runs).set_index("image_id")
    assert table.cardiothoracic_ratio["f0"] == pytest.approx(0.15) and np.isnan(table.cardiothoracic_ratio["f5"])
    normal, pneumonia = results.plausibility(runs).to_dict("records")
    assert (normal["class"], normal["images"], normal["two lungs"], normal["ratio measurable"]) == ("NORMAL", 3, 1, 1)
    assert pneumonia["two lungs"] == pneumonia["ratio measurable"] == pytest.approx(2 / 3)
    quartiles = [normal[f"cardiothoracic ratio{end}"] for end in ("", "_low", "_high")]
    assert quartiles == pytest.approx([0.25, 0.2, 0.3])


def test_auc_of_one_figure_alone(runs):
    table = results.separation(runs)
    ratio = table.loc["Cardiothoracic ratio"]
    assert ratio.images == 5
    assert ratio.value == pytest.approx(5 / 6)  # of six pairs only 0.3 against 0.25 is the wrong way round
    assert table.value["Lung asymmetry"] == pytest.approx(5 / 6)  # without its sign
    assert table.value["Lung area"] == 0.5  # all alike
    assert (table.ci_low <= table.value).all() and (table.value <= table.ci_high).all()


def test_outlines_come_by_image_and_structure(runs):
    shown = results.outlines(runs[0], "synthetic")
    assert [part.tolist() for part in shown["a"]["lungs"]] == [[[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]] * 2
    assert results.outlines(runs[0], "films") == {}


def test_examples_are_the_same_images_for_every_run(runs, monkeypatch):
    monkeypatch.setattr(results.segmentation_images, "SHOWN", {"synthetic": 1, "films": 4})
    monkeypatch.setattr(results.packing, "images", lambda profile, names: np.zeros((len(names), 8, 8), np.uint8))
    first, second = (results.image_examples(run, "smoke") for run in runs)
    assert [title.split()[1] for title in first] == ["NORMAL"] * 2 + ["PNEUMONIA"] * 2
    assert [title.split("\n")[0] for title in second] == [title.split("\n")[0] for title in first]
    assert not any(picture.any() for picture in first.values())  # an image on which nothing was found is shown all the same


def test_the_stored_outline_of_a_synthetic_image_stands_beside_the_true_one(tmp_path, monkeypatch):
    monkeypatch.setattr(records.paths, "runs", lambda profile: tmp_path)
    monkeypatch.setattr(results.segmentation_images, "SHOWN", {"synthetic": 1, "films": 4})
    dice = pd.DataFrame({"set": "randomised", "image_id": "synthetic0000", "structure": ["lungs", "heart"], "dice": [0.9, 0.75]})
    corners = pd.DataFrame({"image_id": "synthetic0000", "set": "randomised", "structure": "heart", "part": 0, "x": [0.1, 0.2]})
    corners["y"] = 0.3
    run = records.write(Config("unet"), "smoke", {"run_id": "s"}, {"dice": dice, "outlines": corners})
    shown = results.synthetic_examples(run)
    assert list(shown) == ["1: true", "1: predicted, Dice of lungs\n0.90, of heart 0.75"]
    true, predicted = shown.values()
    assert true.shape == predicted.shape and (true != predicted).any()


def test_outlines_are_drawn_closed_in_their_colours():
    triangle = np.array([[0.2, 0.2], [0.8, 0.2], [0.5, 0.6]])
    picture = results.outlined(np.full((20, 30), 90, np.uint8), {"lungs": [triangle]})
    height, width = picture.shape[:2]
    assert width == results.SIDE and (picture[0, 0] == 90).all()
    middles = [(0.5, 0.2), (0.65, 0.4), (0.35, 0.4)]  # of the three sides
    assert [tuple(picture[round(y * height), round(x * width)]) for x, y in middles] == [results.COLOURS["lungs"]] * 3
