"""Patient keys are counted with and without the pathogen, on a manifest whose answer is known by hand."""

import numpy as np
import pandas as pd

from cxr_helpers.extras.tables import patient_keys


def test_keys_are_counted_with_and_without_the_pathogen():
    train = [("person1_bacteria", "bacteria"), ("person2_virus", "virus"), ("person3_virus", "virus"), ("IM-1", "")]
    test = [
        ("person1_virus", "virus"),
        ("person1_virus", "virus"),
        ("person2_virus", "virus"),
        ("person9_bacteria", "bacteria"),
        ("IM-2", ""),
    ]
    rows = [(folder, *image) for folder, images in (("train", train), ("test", test)) for image in images]
    images = pd.DataFrame(rows, columns=["folder", "patient_id", "pathogen"])
    table = patient_keys.table(images.assign(label=np.where(images.pathogen == "", "NORMAL", "PNEUMONIA")))
    # Person 2 is in both folders with its pathogen, person 1 with another. Of the test patients' pathogens, virus, virus and
    # bacteria, persons 1 and 2 are dealt two: both agree, one or none, each in a third of the deals.
    assert table["count"].tolist() == [4, 1, 3, 2, 3, 1, 1]
    assert table["95 % range"].tolist() == [""] * 6 + ["0–2"]
