"""Patient keys of the test folder that also occur in the training folder, with and without the pathogen."""

import numpy as np
import pandas as pd

PERMUTATIONS = 2000


def table(images: pd.DataFrame) -> pd.DataFrame:
    """Return one row per count of a manifest's patient keys: what, count, and the 95 % range of what chance gives.

    Were a number alone the child, a child of both folders would mostly have the same pathogen in both; chance permutes the
    pathogens of the test folder.
    """
    bare = images.patient_id.str.removesuffix("_bacteria").str.removesuffix("_virus")
    images = images.assign(number=bare.where(images.label == "PNEUMONIA", ""))
    train, test = (images[images.folder == folder] for folder in ("train", "test"))
    known, keys = (part.loc[part.number != "", ["number", "pathogen"]].drop_duplicates() for part in (train, test))
    there, shared = set(known.itertuples(index=False, name=None)), set(known.number) & set(keys.number)
    in_both = keys.number.isin(shared).to_numpy()

    def agree(pathogens: np.ndarray) -> int:
        pairs = zip(keys.number[in_both], pathogens[in_both], strict=True)
        return len({number for number, pathogen in pairs if (number, pathogen) in there})

    rng = np.random.default_rng(0)
    chance = [agree(rng.permutation(keys.pathogen.to_numpy())) for _ in range(PERMUTATIONS)]
    low, high = np.percentile(chance, (2.5, 97.5))
    counts = {
        "patients (number and pathogen) of the test folder": test.patient_id.nunique(),
        "of these also in the training folder": len(set(train.patient_id) & set(test.patient_id)),
        "pneumonia numbers, pathogen left away, of the test folder": keys.number.nunique(),
        "of these numbers also in the training folder": len(shared),
        "images of the test folder under these numbers": int(test.number.isin(shared).sum()),
        "of these numbers: with the same pathogen in both folders": agree(keys.pathogen.to_numpy()),
        "the same, had the pathogens of the test folder been permuted at random": round(np.mean(chance)),
    }
    rows = pd.DataFrame({"what": list(counts), "count": list(counts.values()), "95 % range": ""})
    rows.loc[rows.index[-1], "95 % range"] = f"{low:.0f}–{high:.0f}"
    return rows
