"""Figures of the data set: classes, patients, sizes, grey values."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from cxr_helpers.plots.style import CLASS_COLOURS, styled
from cxr_helpers.plots.style import figure as empty_figure

KINDS = {
    "NORMAL": "NORMAL",
    "bacteria": "PNEUMONIA, bacterial",
    "virus": "PNEUMONIA, viral",
    "PNEUMONIA": "PNEUMONIA, pathogen not told",
}
SPLITS = ("train", "val", "test")
GREY_TITLES = {
    "mean": "Mean",
    "std": "Standard deviation",
    "p05": "5th percentile",
    "p50": "Median",
    "p95": "95th percentile",
}
_CLASSES = {name: CLASS_COLOURS[name] for name in ("NORMAL", "PNEUMONIA")}


@styled
def class_counts(manifest: pd.DataFrame, splits: pd.DataFrame) -> Figure:
    """Draw the images of each split by class and pathogen: counts on the left, shares on the right.

    Args:
        manifest: image_id, label, pathogen.
        splits: image_id, split.
    """
    images = manifest.drop(columns="split", errors="ignore").merge(splits[["image_id", "split"]], on="image_id")
    counts = pd.crosstab(images.split, images.pathogen.where(images.pathogen != "", images.label))
    counts = counts.reindex([name for name in SPLITS if name in counts.index])[
        [kind for kind in KINDS if kind in counts]
    ]
    fig = empty_figure(0.6 + 0.45 * len(counts))
    left, right = fig.subplots(1, 2, sharey=True, width_ratios=(1, 1.5))
    shares = counts.div(counts.sum(axis=1), axis=0)
    for ax, table in ((left, counts), (right, 100 * shares)):
        start = 0
        for kind in table:
            shade = CLASS_COLOURS[kind]
            ax.barh(table.index, table[kind], left=start, height=0.7, color=shade, edgecolor="white", label=KINDS[kind])
            start = start + table[kind]
    _label_shares(right, counts, shares)
    left.set(xlabel="images", xlim=(0, counts.sum(axis=1).max() * 1.2))
    left.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    for row, total in enumerate(counts.sum(axis=1)):
        left.annotate(f"{total:,}", (total, row), (3, 0), textcoords="offset points", va="center")
    left.invert_yaxis()
    right.set(xlabel="share of the split (%), number of images", xlim=(0, 100))
    right.tick_params(left=False)
    fig.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=len(counts.columns))
    return fig


def _label_shares(ax, counts: pd.DataFrame, shares: pd.DataFrame) -> None:
    """Write the number of images into each segment that has room for it."""
    starts = shares.cumsum(axis=1) - shares
    for kind in counts:
        ink = "black" if kind in ("NORMAL", "virus") else "white"
        for row, split in enumerate(counts.index):
            if shares.loc[split, kind] > 0.08:
                centre = 100 * (starts.loc[split, kind] + shares.loc[split, kind] / 2)
                ax.text(centre, row, f"{counts.loc[split, kind]:,}", color=ink, ha="center", va="center")


@styled
def images_per_patient(manifest: pd.DataFrame) -> Figure:
    """Draw how many patients have 1, 2, 3 ... images, by class; the counts are on a logarithmic axis."""
    images = manifest.groupby(["label", "patient_id"]).size().rename("images").reset_index()
    most = images[["label", "images"]].value_counts().max()
    fig = empty_figure(2.4)
    panels = fig.subplots(1, 2, sharey=True, width_ratios=(1, 2))
    for ax, (label, shade) in zip(panels, _CLASSES.items(), strict=True):
        counts = images.images[images.label == label]
        numbers = counts.value_counts().sort_index()
        ax.bar(numbers.index, numbers, width=0.8, color=shade)
        ax.set(xlabel="images per patient", yscale="log", ylim=(0.7, 1.5 * most), xlim=(0.4, counts.max() + 0.6))
        ax.set_title(f"{label}: {len(counts):,} patients,\n{counts.sum():,} images, at most {counts.max()}")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    panels[0].set_ylabel("patients")
    return fig


@styled
def original_sizes(manifest: pd.DataFrame) -> Figure:
    """Draw width against height of the published images, a point per image, with the distribution of each by class."""
    images = manifest.dropna(subset=["width", "height"]).sample(frac=1, random_state=0)  # neither class lies on top
    fig = empty_figure(4.2, 5.2)
    grid = fig.add_gridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
    centre = fig.add_subplot(grid[1, 0])
    top, side = fig.add_subplot(grid[0, 0], sharex=centre), fig.add_subplot(grid[1, 1], sharey=centre)
    centre.scatter(
        images.width, images.height, s=5, c=images.label.map(_CLASSES), alpha=0.35, linewidths=0, rasterized=True
    )
    for label, shade in _CLASSES.items():
        part = images[images.label == label]
        for ax, axis in ((top, "width"), (side, "height")):
            bins = {"bins": 40, "binrange": (images[axis].min(), images[axis].max())}
            share = {"stat": "probability", "element": "step", "alpha": 0.3, "legend": False}
            sns.histplot(part, **{"x" if ax is top else "y": axis}, ax=ax, color=shade, **bins, **share)
        centre.scatter(
            [], [], color=shade, label=f"{label}: median {part.width.median():,.0f}×{part.height.median():,.0f}"
        )
    centre.set(xlabel="width of the published image (pixels)", ylabel="height (pixels)")
    centre.legend(loc="lower right")
    centre.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    centre.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    for ax in (top, side):
        ax.set_axis_off()
    return fig


@styled
def grey_statistics(manifest: pd.DataFrame) -> Figure:
    """Draw the distribution over images of mean, standard deviation and percentiles of the grey values, by class."""
    fig = empty_figure(3.4)
    panels = fig.subplots(2, 3).ravel()
    for ax, (column, title) in zip(panels, GREY_TITLES.items(), strict=False):
        for label, shade in _CLASSES.items():
            part = manifest.loc[manifest.label == label, column]
            sns.histplot(
                x=part, ax=ax, color=shade, stat="probability", element="step", bins=30, alpha=0.3, label=label
            )
        ax.set(title=title, xlabel="", ylabel="", yticks=[])
        ax.spines["left"].set_visible(False)
    panels[-1].set_axis_off()
    panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center", title="share of images")
    fig.supxlabel("grey value (0 black, 255 white)", fontsize=8.5)
    return fig
