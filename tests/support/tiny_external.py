"""Three images of two patients in the layout of the external set, for the tests of what reads it."""

from pathlib import Path

import numpy as np
import pandas as pd
from tiny_images import image, save

HEIGHT, WIDTH = 40, 48


def write(root: Path) -> Path:
    """Write images b, a, c and metadata.csv below `root`; image a has a mask of its left half."""
    for seed, name in enumerate(("b", "a", "c")):
        save(root / "images" / f"{name}.jpg", image(seed, WIDTH, HEIGHT))
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, : WIDTH // 2] = 255
    save(root / "lung_masks" / "a.png", mask)
    rows = {"image": ["images/b.jpg", "images/a.jpg", "images/c.jpg"], "label": ["NORMAL", "PNEUMONIA", "PNEUMONIA"]}
    rows |= {"finding": "Pneumonia", "view": "PA", "patient_id": ["007", "8", "8"], "sex": "", "age": ["54.0", "", ""]}
    rows |= {"lung_mask": ["", "lung_masks/a.png", ""], "license": "CC BY", "source_url": "", "doi": ""}
    pd.DataFrame(rows).to_csv(root / "metadata.csv", index=False)
    return root
