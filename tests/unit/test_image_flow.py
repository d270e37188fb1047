"""The flow of images: every count of the figure, worked out by hand on six images."""

import pandas as pd

from cxr_helpers.plots import image_flow


def test_the_final_models_answers_stand_below_by_label():
    images = pd.DataFrame([("p1", "test", "NORMAL", None)], columns=["patient_id", "split", "label", "pathogen"])
    counts = {("PNEUMONIA", "PNEUMONIA"): 4, ("NORMAL", "PNEUMONIA"): 3, ("PNEUMONIA", "NORMAL"): 2, ("NORMAL", "NORMAL"): 1}
    answered = pd.DataFrame([pair for pair, count in counts.items() for _ in range(count)], columns=["label", "predicted"])
    said = [text.get_text() for text in image_flow(images, 0, answered).axes[0].texts if "Called" in text.get_text()]
    assert said == [
        "Called PNEUMONIA\nby the final model: 7\nlabel PNEUMONIA 4 (TP)\nlabel NORMAL 3 (FP)",
        "Called NORMAL\nby the final model: 3\nlabel PNEUMONIA 2 (FN)\nlabel NORMAL 1 (TN)",
    ]


def test_images_are_counted_by_part_and_class():
    rows = [
        ("p1", "train", "NORMAL", None),
        ("p1", "train", "NORMAL", None),
        ("p2", "train", "PNEUMONIA", "virus"),
        ("p3", "val", "PNEUMONIA", "bacteria"),
        ("p4", "test", "NORMAL", None),
        ("p5", "test", "PNEUMONIA", "virus"),
    ]
    images = pd.DataFrame(rows, columns=["patient_id", "split", "label", "pathogen"])
    said = [text.get_text() for text in image_flow(images, left_out=2).axes[0].texts if text.get_text()]
    assert said == [
        "Files in the published folders\n8",
        "Left out as unreadable\nor unfit: 2",
        "Images read\n6 images, 5 patients",
        "Training\n3 images, 2 patients\nNORMAL 2\nPNEUMONIA 1\n(bacteria 0, virus 1)",
        "Validation\n1 images, 1 patients\nNORMAL 0\nPNEUMONIA 1\n(bacteria 1, virus 0)",
        "Official test\n2 images, 2 patients\nNORMAL 1\nPNEUMONIA 1\n(bacteria 0, virus 1)",
    ]
