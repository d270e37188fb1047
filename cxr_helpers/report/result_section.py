"""What chapters on one experiment show alike: how it was trained, its results, and what a reader's changes made of them.

Labels begin with the chapter's `prefix` ("vgg16": fig:vgg16-roc); titles and captions follow the experiment.
"""

import dataclasses
from collections.abc import Sequence

import pandas as pd

from cxr_helpers import plots, records
from cxr_helpers.config import Config
from cxr_helpers.data import packing
from cxr_helpers.evaluation import metrics
from cxr_helpers.experiments import Experiment
from cxr_helpers.records import Record
from cxr_helpers.report import document
from cxr_helpers.tables import open_choices, reported_vs_reproduced, selection, statistics, verdicts

MOST_EXAMPLES = 48  # images of a grid that can still be seen


def training(experiment: Experiment, runs: Sequence[Record], prefix: str) -> None:
    """Show the whole configuration of the first run, its start and time, and the learning curves of all."""
    run, title = runs[0], experiment.title
    document.table(
        configuration_table(run.config),
        f"tbl:{prefix}-configuration",
        caption=f"{title}: the whole training configuration of the first run; what departs from the default is marked.",
    )
    epochs = len(run.table("history"))
    document.text(
        f"From *{run.info['initialisation']}*, on {run.info['device']}: "
        f"training took **{run.info['wall_time_s'] / 60:.1f} minutes** for {epochs} epochs, "
        f"{run.info['training_time_s'] / epochs:.0f} seconds an epoch."
    )
    document.figure(
        plots.histories([run.table("history") for run in runs], experiment.name),
        f"fig:{prefix}-learning",
        caption=f"{title}: loss and accuracy by epoch on training and validation images. A dot marks the epoch with the least "
        "loss on validation images.",
        alt=f"Learning curves of {title}: loss and accuracy on training and validation images by epoch.",
    )


def configuration_table(config: Config) -> pd.DataFrame:
    """Return every field of a configuration: field, value, default ("–" where there is none), and a mark where they differ."""

    def said(value: object) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        text = ", ".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
        return text or "–"

    rows = []
    for field in dataclasses.fields(config):
        value, default = getattr(config, field.name), field.default
        known = default is not dataclasses.MISSING
        row = {"field": f"`{field.name}`", "value": said(value), "default": said(default) if known else "–"}
        rows.append(row | {"departs": "●" if not known or value != default else ""})
    return pd.DataFrame(rows)


def beside_record(experiment: Experiment, runs: Sequence[Record], profile: str, prefix: str, split: str = "test") -> None:
    """Show what a reader changed beside the committed record, paired over patients; nothing where nothing was changed."""
    committed = records.of(experiment.name, profile)
    if {run.run_id for run in runs} == {run.run_id for run in committed}:
        return
    label = experiment.label if experiment.changes else f"{experiment.name} (own network)"
    scores = {f"record of {experiment.name}": selection.scores(committed, split), label: selection.scores(runs, split)}
    caption = f"{label} beside the committed record, threshold 0.5."
    document.table(statistics.performance(scores), f"tbl:{prefix}-changed", caption=caption)
    gap = metrics.difference(scores[label], selection.scores(committed, split))
    table = gap.set_axis(["difference", "95 % from", "to"], axis=1).rename(index=metrics.TITLES).rename_axis("metric")
    caption = f"{label} minus the committed record, paired over patients."
    document.table(table.reset_index(), f"tbl:{prefix}-changed-difference", caption=caption)


def metric_section(experiment: Experiment, runs: Sequence[Record], prefix: str, finding: str, images: str) -> None:
    """Show every metric and four panels (ROC, precision-recall, calibration, confusion) on the test images.

    `finding` is the first sentence of the figure's caption; `images` says which test images ("the official test images").
    """
    title, threshold = experiment.title, selection.thresholds(runs)[0]
    caption = f"{title} on {images}, mean over seeds: at 0.5 and at the operating point from validation."
    table = statistics.metric_table(runs).query("metric not in ('Balanced accuracy', 'Brier score')")  # in tbl:systems
    document.table(table.reset_index(drop=True), f"tbl:{prefix}-metrics", caption=caption)
    document.figure(
        plots.summary({experiment.label: selection.scores(runs)}, threshold),
        f"fig:{prefix}-summary",
        caption=f"{finding} {title} on {images}: ROC curve (dot: operating point, ring: 0.5) and precision–recall curve with "
        "95 % bands over patients; observed share of PNEUMONIA against the predicted probability in 15 bins (first seed; bars: "
        f"95 % Wilson intervals over images); and the confusion matrix at the operating point {threshold:.3f}.",
        alt=f"Four panels on {title}: ROC curve, precision–recall curve, reliability diagram and confusion matrix.",
    )


def examples(experiment: Experiment, run: Record, profile: str, prefix: str, count: int) -> None:
    """Show `count` test images (1 to `MOST_EXAMPLES`), classified right and wrong at the operating point."""
    drawn = selection.examples(selection.answers(run, selection.thresholds([run])[0]), count)
    document.figure(
        plots.classified_images(packing.images(profile, drawn.image_id), drawn),
        f"fig:{prefix}-images",
        caption=f"{experiment.title}: test images with true label, predicted label and the probability that the model gives it "
        "(below 50 % where the threshold is not one half; framed: wrong), chosen at random, as many of each outcome if possible.",
        alt="Grid of chest radiographs with true label, predicted label and confidence above each.",
    )


def readings(name: str, profile: str, comparison: pd.DataFrame) -> None:
    """Show what a claim of readings.toml leaves open, its specification curve, and all readings beside each reported figure.

    `comparison`: as `reported_vs_reproduced.table` gives it, with the claims of this experiment.
    """
    text, table = open_choices.claim(name), open_choices.load(name, profile, missing_ok=True)
    choices = f"What the text on the {text['title']} leaves open, with the values that a practitioner would take."
    document.table(open_choices.choices(text), f"tbl:{name}-choices", caption=choices)
    if table is None:
        document.text(f"These readings wait for `cxr readings {name}`.")
        return
    images = tuple(reported_vs_reproduced.reported()[text["experiment"]]["images"])
    claims = comparison[comparison.system == text["experiment"]].dropna(subset="reported").set_index("metric")
    reported, networks = claims.reported["accuracy"], len(table[["key", "epoch"]].drop_duplicates())  # rules may keep one epoch
    number = f"{len(table)} of {open_choices.planned(text)} readings"
    document.figure(
        plots.specification_curve(table, text, "accuracy", reported, verdicts.sampling_interval("accuracy", reported, images)),
        f"fig:{name}-readings",
        caption=f"{text['title']}: accuracy of the {number} of the text that are trained ({networks} different networks), in "
        "order, and below it the options that each took. Line and band: the reported figure with its 95 % interval.",
        alt=f"Specification curve of {len(table)} readings beside the reported accuracy.",
    )
    rows = []
    for metric, claim in claims.iterrows():
        values = open_choices.values(table, text["split"], metric, images)
        if values:
            row = {"metric": metrics.title(metric), "reported": claim.reported, "smallest reading": min(values)}
            rows.append(row | {"largest reading": max(values), "verdict": claim.verdict})
    caption = f"{text['title']}: the reported figures beside the range of {number}, and their verdicts."
    document.table(pd.DataFrame(rows), f"tbl:{name}-verdicts", caption=caption, digits={"reported": "{:g}"})
