"""Regions: what each shows of an image, and the figures of scores whose regions are known."""

import types

import numpy as np
import pandas as pd
import pytest
from tiny_runs import IMAGES, stored

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import region_probes
from cxr_helpers.extras.other_sets.masked_images import UNKNOWN, Masked
from cxr_helpers.extras.tables import region_tables

IMAGE = np.random.default_rng(0).integers(1, 255, (64, 64), dtype=np.uint8)


def masked():
    """An image whose lungs fill rows 10 to 49 and columns 20 to 39, between unknown pixels in row 9."""
    lungs = np.zeros((64, 64), np.int8)
    lungs[10:50, 20:40], lungs[9, 20:40] = 1, UNKNOWN
    return Masked("a", "a", "guangzhou_normal", IMAGE, np.stack([lungs, np.full_like(lungs, UNKNOWN)], axis=-1))


def test_each_region_shows_its_part():
    shown = {name: cut(masked()) for name, cut in region_probes.REGIONS.items() if name != "box, aspect kept"}
    inside = np.zeros((64, 64), bool)
    inside[10:50, 20:40] = True
    assert (shown["whole"] == IMAGE).all() and (shown["lungs only"] == np.where(inside, IMAGE, 0)).all()
    assert not shown["background"][inside].any() and not shown["background"][9, 20:40].any()
    assert (shown["background"][:9] == IMAGE[:9]).all() and set(np.unique(shown["mask shape"])) == {0, 255}
    np.testing.assert_array_equal(shown["box"], IMAGE[8:52, 19:41])  # 5 % of 40 rows and of 20 columns on either side
    assert not shown["box, outside black"][:2].any() and shown["box, outside black"].shape == shown["box"].shape


def test_the_box_can_keep_the_aspect_of_the_published_image():
    square = region_probes.box_aspect(masked(), (1280, 640))  # a box of 44 × 22 pixels is as wide as high there
    assert square.shape == (64, 64) and (square > 0).all()
    narrow = region_probes.box_aspect(masked(), (640, 640))
    assert (narrow[:, 16:48] > 0).all() and not narrow[:, :16].any() and not narrow[:, 48:].any()


def scores():
    """Scores of one model under the official protocol: the background is right of all images, the lungs of half the pairs."""
    rows = []
    for split in ("val", "test"):
        for place in range(8):
            row = {"image_id": f"{split}{place}", "patient_id": f"{split}{place}", "split": split, "y_true": place % 2}
            row |= {"width": 1000 + 200 * (place // 4), "copy": int(place == 7), "whole": 0.25 + 0.5 * (place % 2)}
            rows.append(row | {"background": 0.2 + 0.6 * (place % 2), "lungs only": 0.5})
    table = pd.DataFrame(rows).assign(model="mobilenetv2", protocol="official")
    return table.assign(**dict.fromkeys({*region_probes.SIZES, *region_probes.REGIONS} - set(table), np.nan))


def test_figures_say_what_each_region_ranks(monkeypatch):
    monkeypatch.setattr(region_probes, "DATA", {"official test": (["official"], "test")})
    figures = region_probes.figures(scores())
    found = figures.set_index("figure").value
    assert found["mobilenetv2; background; official test"] == 1 and found["mobilenetv2; lungs only; official test"] == 0.5
    assert found["mobilenetv2; lungs only; official test; minus whole"] == -0.5
    assert found["mobilenetv2; background; official test; specificity"] == 1
    assert found["mobilenetv2; all; official test; copies"] == 1
    assert found["mobilenetv2; all; official test; pairs"] == 8 and found["mobilenetv2; all; official test; share"] == 0.5
    assert found["mobilenetv2; background; official test; like widths"] == 1
    table = region_tables.regions(figures, {})
    assert list(table) == ["model", "seed", "region", "data", "auc", "ci_low", "ci_high", "specificity"]
    assert table.set_index("region").auc.to_dict() == {"whole": 1, "lungs only": 0.5, "background": 1}
    kinds = {"AUC": "auc", "minus whole image": "minus whole"}
    compared = region_tables.compared(figures, "official test", kinds).set_index("region")
    assert set(compared.network) == {"MobileNetV2, frozen"} and compared.AUC["lungs only"] == 0.5
    assert compared["minus whole image"]["background"] == 0 and np.isnan(compared["minus whole image"]["whole"])


def test_fine_tuned_networks_stand_by_region_with_their_difference_to_the_whole_image(workplace, monkeypatch):
    store = stored(monkeypatch)
    images = pd.concat([IMAGES.assign(image_id=f"{place}", patient_id=f"{place}", n=place) for place in range(4)])
    images = images.assign(image_id=images.image_id + images.split + images.y_true.astype(str)).drop(columns="n")
    wrong = np.where((images.split == "test") & images.image_id.str.startswith("0"), 1 - images.y_true, images.y_true)
    runs = [store("region_x_whole", images.y_true * 0.8, images), store("region_x_lungs", wrong * 0.8, images, variant="lungs")]
    tuned = {"region_x_whole": runs[:1], "region_x_lungs": runs[1:]}
    whole, box = region_tables.seeds_joined(tuned).to_dict("records")
    assert (whole["region"], box["region"], box["network"], box["seeds"]) == ("whole", "box", "region_x_lungs", 1)
    assert whole["AUC, test"] == box["AUC, validation"] == 1 and np.isnan(whole["minus whole"])
    assert box["AUC, test"] == 0.75 and box["test minus validation"] == box["minus whole"] == -0.25
    assert box["specificity, test"] == 0.75
    monkeypatch.setattr(region_probes, "DATA", {"official test": (["official"], "test")})
    table = region_tables.regions(region_probes.figures(scores()), tuned)
    assert table[table.model == "mobilenet 224"].region.tolist() == ["whole", "whole", "box", "box"]
    assert region_tables.elsewhere(tuned).empty
    cropped = Config("mobilenet", variant="lungs", augmentation="uncropped")
    assert region_tables.region(types.SimpleNamespace(config=cropped)) == "box, no random crops"


def test_on_other_hospitals_a_region_is_paired_with_the_whole_image_over_the_seeds_that_both_have(monkeypatch):
    truth = pd.DataFrame({"image_id": list("abcd"), "patient_id": list("abcd"), "y_true": [0, 0, 1, 1]})
    right, wrong = (truth.assign(y_score=score) for score in ([0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1]))

    def run(seed: int, scores: pd.DataFrame, variant: str = "none", scored: bool = True):
        """Return what stands for a record whose images of other hospitals have these scores."""
        config = Config("mobilenet", variant=variant, seed=seed)
        return types.SimpleNamespace(config=config, scores=scores, has=lambda name: scored)

    monkeypatch.setattr(
        region_tables.final_model, "hospital_scores", lambda run, _: dict.fromkeys(region_tables.ELSEWHERE, run.scores)
    )
    whole = [run(0, wrong, scored=False), run(1, right)]
    box = [run(0, right, "lungs"), run(1, wrong, "lungs")]
    tuned = {"region_x_whole": whole, "region_x_lungs": box, "region_x_background": [run(0, right, "background", scored=False)]}
    first, second = region_tables.elsewhere(tuned).to_dict("records")
    assert (first["seeds"], second["seeds"], second["region"]) == (1, 2, "box")
    title = region_tables.final_model.SETS["external_adult"][0]
    assert second[title] == 0.5 and second[f"minus whole, {title}"] == -1 and np.isnan(first[f"minus whole, {title}"])


def test_without_the_masks_a_sentence_says_what_to_set(monkeypatch):
    monkeypatch.delenv("CXR_SETS_DIR", raising=False)
    with pytest.raises(CxrError, match="set CXR_SETS_DIR to the folder that holds lung_masks/"):
        region_probes.measure("smoke")
