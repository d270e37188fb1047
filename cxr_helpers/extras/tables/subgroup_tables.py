"""What the chapter on evaluation says of parts of the test images: pathogens, sizes, folders, failures.

Systems are name → scores of validation and test images, one frame per seed, as in `evaluation_tables`.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from cxr_helpers.evaluation import metrics, paired, strata
from cxr_helpers.extras.tables import evaluation_tables as evaluated
from cxr_helpers.tables import results

PATHOGENS = ("bacteria", "virus")
SIDES = {("NORMAL", "PNEUMONIA"): "false alarms", ("PNEUMONIA", "NORMAL"): "misses"}
_Systems = Mapping[str, Sequence[pd.DataFrame]]


def pathogens(systems: _Systems, images: pd.DataFrame) -> pd.DataFrame:
    """Return one row per system: AUC against all normal images, and sensitivity, of bacterial and of viral pneumonia.

    Args:
        systems: see the head of this module; the operating point is Youden's, from validation.
        images: the manifest, with image_id and pathogen.
    """
    pathogen = images.set_index("image_id").pathogen
    rows = []
    for name, runs in systems.items():
        row, limits = {"system": name}, evaluated.thresholds(runs)
        for kind in PATHOGENS:
            kept = [scores[scores.image_id.map(pathogen).eq(kind) | (scores.y_true == 0)] for scores in evaluated.part(runs)]
            found = metrics.evaluate_seeds(kept, limits)
            for metric in ("roc_auc", "recall"):
                row[f"{metrics.TITLES[metric]}, {kind}"] = results.cell(found.loc[metric])
        rows.append(row)
    return pd.DataFrame(rows)


def widths(images: pd.DataFrame, splits: pd.DataFrame) -> pd.Series | None:
    """Return each image's stratum of published width by image_id, limits from training images; None where widths are unknown."""
    if images.width.isna().any():
        return None
    inner = strata.limits(images.width[images.image_id.isin(splits.image_id[splits.split == "train"])].to_numpy(float))
    return pd.Series(strata.assign(images.width.to_numpy(float), inner), index=images.image_id)


def by_stratum(systems: _Systems, stratum: pd.Series) -> pd.DataFrame:
    """Return `strata.auc` of every system's test images: system, stratum, value, ci_low, ci_high, normal, pneumonia."""
    parts = [strata.auc(evaluated.part(runs), stratum).rename_axis("stratum").reset_index() for runs in systems.values()]
    return pd.concat(parts, keys=systems, names=["system", None]).reset_index("system").reset_index(drop=True)


def surviving(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per system of a table as `by_stratum` gives it: AUC over all pairs, within strata, and their difference."""
    rows = []
    for name, found in table.groupby("system", sort=False):
        by_name = found.set_index("stratum")
        rows.append({"system": name} | {title: results.cell(by_name.loc[title]) for title in (strata.ALL, strata.WITHIN)})
        gap = by_name.loc[strata.DIFFERENCE]
        rows[-1]["difference (95 % CI)"] = results.signed(gap.value, gap.ci_low, gap.ci_high)
    return pd.DataFrame(rows)


def folders(folds: Sequence[pd.DataFrame], official: Sequence[pd.DataFrame], images: pd.DataFrame) -> pd.DataFrame:
    """Set the AUC of cross-validation by patient beside that of the official split, on the same images.

    Args:
        folds: scores of all left-out images, one frame per seed (`results.pooled`).
        official: scores of a system trained without the test folder, one frame per seed.
        images: the manifest, with image_id, patient_id, folder and pathogen.

    Returns:
        One row per set of images: images, n, "by folds" and "by the official split" (AUC, 95 % CI), and difference
        (folds minus official, paired, see `paired.auc_difference`). The last two rows split the pneumonias of the test
        folder by whether their person's number also occurs, with whatever pathogen, in the other folders.
    """
    facts = images.set_index("image_id")
    in_test = facts.folder == "test"
    number = facts.patient_id.str.removesuffix("_bacteria").str.removesuffix("_virus")
    shared = number.isin(number[~in_test & (facts.y_true == 1)])
    normal = facts.y_true == 0
    parts = {"other folders": ~in_test, "test folder": in_test}
    parts |= {
        "test folder, pneumonias whose number occurs elsewhere": in_test & (normal | shared),
        "test folder, pneumonias whose number does not": in_test & (normal | ~shared),
    }
    rows = [_folder(title, facts.index[inside], folds, official) for title, inside in parts.items()]
    return pd.DataFrame([row for row in rows if row])


def folder_statistics(images: pd.DataFrame) -> pd.DataFrame:
    """Return the median size and grey values of the manifest's images by class, the test folder beside the other folders."""
    shown = {"width": "width", "height": "height", "mean": "mean grey value", "std": "standard deviation of grey"}
    place = (images.folder == "test").map({True: "test", False: "train and val"})
    table = images.groupby(["label", place])[list(shown)].median().rename(columns=shown)
    table.insert(0, "images", images.groupby(["label", place]).size())
    return table.rename_axis(["class", "folder"]).reset_index().dropna(axis=1)  # no column of sizes where they are unknown


def answered(scores: pd.DataFrame, images: pd.DataFrame, stratum: pd.Series | None) -> pd.DataFrame:
    """Return answers (see `results.answers`) with pathogen, brightness (mean grey value) and stratum ("" if unknown)."""
    facts = images.set_index("image_id").loc[scores.image_id]
    table = scores.assign(pathogen=facts.pathogen.to_numpy(), brightness=facts["mean"].to_numpy())
    return table.assign(stratum="" if stratum is None else stratum.loc[scores.image_id].to_numpy())


def worst(table: pd.DataFrame, label: str, count: int) -> pd.DataFrame:
    """Return the `count` most confident wrong answers about images of a class ("NORMAL": false alarms, "PNEUMONIA": misses)."""
    return table[(table.label == label) & ~table.correct].sort_values("confidence", ascending=False, kind="stable").head(count)


def described(table: pd.DataFrame) -> list[str]:
    """Return one sentence per kind of error: how many, of how many patients, and how they differ from right answers."""
    sentences = []
    for (label, predicted), kind in SIDES.items():
        own = table[table.label == label]
        wrong, right = own[own.predicted == predicted], own[own.predicted == label]
        patients = wrong.patient_id.nunique()
        words = f"**{kind.capitalize()}: {len(wrong)}** of {len(own)} images of {label}, "
        words += f"of {patients} patient{'s' * (patients != 1)}"
        if len(wrong) and len(right):
            middle = [part.brightness.median() for part in (wrong, right)]
            words += f"; median brightness {middle[0]:.0f}, of images rightly called {middle[1]:.0f}"
            words += _commonest(own, wrong, "stratum", "in width stratum") + _commonest(own, wrong, "pathogen", "with pathogen")
        sentences.append(f"{words}.")
    return sentences


def _commonest(own: pd.DataFrame, wrong: pd.DataFrame, column: str, words: str) -> str:
    """Return a clause on the errors' commonest value of a column, and its share among all images of their class."""
    value = wrong[column].mode().iloc[0]
    if not value:
        return ""
    inside = (wrong[column] == value).sum()
    return f"; {inside} of {len(wrong)} {words} *{value}*, of all images of the class {(own[column] == value).mean():.0%}"


def _folder(title: str, wanted: pd.Index, folds: Sequence[pd.DataFrame], official: Sequence[pd.DataFrame]) -> dict | None:
    """Return a row of `folders`; without official scores of these images its cells stay empty, without both classes it is None."""
    kept, theirs = ([scores[scores.image_id.isin(wanted)] for scores in runs] for runs in (folds, official))
    common = set(kept[0].image_id) & set(theirs[0].image_id)
    if kept[0].y_true.nunique() < 2:
        return None
    row = {"images": title, "n": len(common) or len(kept[0])}
    if not common:
        return row | {"by folds": _area(kept)}
    kept, theirs = ([scores[scores.image_id.isin(common)] for scores in runs] for runs in (kept, theirs))
    gap = paired.auc_difference(kept, theirs)
    row |= {"by folds": _area(kept), "by the official split": _area(theirs)}
    return row | {"difference (95 % CI)": results.signed(gap.value, gap.ci_low, gap.ci_high)}


def _area(runs: Sequence[pd.DataFrame]) -> str:
    return results.cell(metrics.evaluate_seeds(runs).loc["roc_auc"])
