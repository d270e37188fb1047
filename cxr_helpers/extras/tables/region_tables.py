"""Inside and outside the lungs: what the measurement "regions" and the experiments `region_...` give, as tables."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from cxr_helpers import experiments, paths, records
from cxr_helpers.base.files import atomic_write
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.benchmarks import region_probes
from cxr_helpers.records import Record
from cxr_helpers.tables import final_model, selection, statistics
from cxr_helpers.training import rescoring

OF_VARIANT = {"none": "whole", "lungs": "box", "lungs_only": "lungs only", "background": "background"}
OF_VARIANT |= {"lungs_15": "box, 15 % around it", "lungs_30": "box, 30 % around it"}
CROPS = {"uncropped": ", no random crops", "crop_large": ", crops of at least 80 %"}
LENGTHS = {14: ", fourteen epochs"}
FIRST_SEEDS = {"region_mobilenet_whole": "recipe_mobilenet", "region_mobilenetv2_whole": "recipe_crop"}
FROZEN = {"none": "no network", "mobilenetv2": "MobileNetV2, frozen", "vgg16": "VGG-16, frozen"}
ELSEWHERE = ("nih_radiologists", "external_adult")
SPLITS = {"official test": "test", "validation": "val"}


def probes(figures: pd.DataFrame) -> pd.DataFrame:
    """Return the measurement's figures with their names apart: model, region, data, kind ("auc" where none is said), values."""
    names = figures.figure.str.split("; ", expand=True)
    apart = {"model": names[0], "region": names[1], "data": names[2], "kind": names[3].fillna("auc")}
    return figures.drop(columns="figure").assign(**apart)


def fine_tuned(profile: str) -> dict[str, list[Record]]:
    """Return the runs there are of networks that were trained on the whole image or on a region: experiment -> its runs."""
    rows = experiments.load(profile)
    configs = {name: row.configs for name, row in rows.items() if name.startswith("region_")}
    configs |= {name: (*rows[first].configs, *configs[name]) for name, first in FIRST_SEEDS.items()}
    found = {name: [records.load(config, profile) for config in each] for name, each in configs.items()}
    return {name: [run for run in runs if run] for name, runs in found.items() if any(runs)}


def regions(figures: pd.DataFrame, tuned: Mapping[str, list[Record]]) -> pd.DataFrame:
    """Return model, seed, region, data, auc, ci_low, ci_high, specificity (at Youden's threshold of the validation images)."""
    found = probes(figures).pivot_table(index=["model", "region", "data"], columns="kind", values="value", sort=False)
    bounds = probes(figures).query("kind == 'auc'").set_index(["model", "region", "data"])[["ci_low", "ci_high"]]
    table = found.dropna(subset=["auc"]).join(bounds).reset_index().assign(seed=0)
    rows, runs = [], [run for part in tuned.values() for run in part]
    for run, limit in zip(runs, selection.thresholds(runs), strict=True):
        for data, split in SPLITS.items():
            each = metrics.evaluate(run.split(split), limit)
            row = {"model": _network(run), "seed": run.config.seed, "region": region(run), "data": data}
            row |= {"auc": each.value.roc_auc, "ci_low": each.ci_low.roc_auc, "ci_high": each.ci_high.roc_auc}
            rows.append(row | {"specificity": each.value.specificity})
    frozen = table.assign(model=table.model.replace({name: f"{name} frozen" for name in region_probes.NETWORKS}))
    columns = ["model", "seed", "region", "data", "auc", "ci_low", "ci_high", "specificity"]
    return pd.concat([frozen, pd.DataFrame(rows, columns=columns)], ignore_index=True)[columns]


def region(run: Record) -> str:
    """Return what a fine-tuned network is shown."""
    return OF_VARIANT[run.config.variant] + CROPS.get(run.config.augmentation, "") + LENGTHS.get(run.config.epochs, "")


def _network(run: Record) -> str:
    return f"{run.config.model} {run.config.size}"


def _title(name: str) -> str:
    """Return the network that an experiment's title begins with."""
    return experiments.named(name).partition(",")[0]


def seeds_joined(tuned: Mapping[str, list[Record]]) -> pd.DataFrame:
    """Return one row per experiment of `fine_tuned`: AUC of validation and of test images, their difference, specificity on test.

    Figures are means over seeds at each seed's threshold (Youden, validation); "minus whole" is the test AUC minus that of the
    same network on the whole image, paired over patients.
    """
    rows = []
    for name, runs in tuned.items():
        row = {"network": _title(name), "region": region(runs[0]), "seeds": len(runs)}
        val, test = (selection.scores(runs, split) for split in ("val", "test"))
        found = {"validation": metrics.evaluate(val), "test": metrics.evaluate(test, selection.thresholds(runs))}
        for split, values in found.items():
            row |= statistics.columns(f"AUC, {split}", values.loc["roc_auc"])
        row["test minus validation"] = row["AUC, test"] - row["AUC, validation"]
        row |= statistics.columns("specificity, test", found["test"].loc["specificity"])
        whole = tuned.get(_whole(name))
        gap = metrics.difference(test, selection.scores(whole)).loc["roc_auc"] if whole and whole is not runs else None
        rows.append(row | statistics.columns("minus whole", gap))
    return statistics.shown_as(rows, {"minus whole": "+", "test minus validation": "{:+.3f}"})


def elsewhere(tuned: Mapping[str, list[Record]]) -> pd.DataFrame:
    """Return the AUC of each experiment of `fine_tuned` on images of other hospitals, adults' case reports and NIH's.

    Figures are means over the seeds that scored these images; a column that begins with "minus whole" is the difference to the
    same network on the whole image, over the seeds that both have, paired over patients.
    """
    scored = {
        name: {run.config.seed: final_model.hospital_scores(run, "full") for run in runs if run.has(rescoring.NIH)}
        for name, runs in tuned.items()
    }
    rows, signs = [], {}
    for name, own in scored.items():
        if not own:
            continue
        row = {"network": _title(name), "region": region(tuned[name][0]), "seeds": len(own)}
        whole = scored.get(_whole(name), {}) if _whole(name) != name else {}
        shared = sorted(own.keys() & whole.keys())
        for data in ELSEWHERE:
            title = final_model.SETS[data][0]
            row |= statistics.columns(title, metrics.evaluate([parts[data] for parts in own.values()]).loc["roc_auc"])
            pair = [[parts[seed][data] for seed in shared] for parts in (own, whole)]
            row |= statistics.columns(f"minus whole, {title}", metrics.difference(*pair).loc["roc_auc"] if shared else None)
            signs[f"minus whole, {title}"] = "+"
        rows.append(row)
    return statistics.shown_as(rows, signs)


def _whole(name: str) -> str:
    """Return the experiment of the same network on the whole image."""
    return "_".join(name.split("_")[:2]) + "_whole"


def write(table: pd.DataFrame, profile: str) -> Path:
    """Store a table of `regions` as `regions.csv` among the tables; return its path."""
    path = paths.tables(profile) / "regions.csv"
    atomic_write(path, table.round(6).to_csv(index=False))
    return path


def compared(figures: pd.DataFrame, data: str, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return one row a model and region of the `data`, and a column with its 95 % interval for each title of `kinds`."""
    rows = []
    for (model, region), part in probes(figures).query("data == @data").groupby(["model", "region"], sort=False):
        found = part.set_index("kind")
        if "auc" in found.index:
            row = {"network": FROZEN[model], "region": region}
            for title, kind in kinds.items():
                row |= statistics.columns(title, found.loc[kind] if kind in found.index else None)
            rows.append(row)
    return statistics.shown_as(rows, {"minus whole image": "+"})
