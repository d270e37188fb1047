"""Results as figures: learning, curves and counts of scores, metrics side by side, and images with what is predicted.

Every function returns a matplotlib Figure and shows nothing. They share one style and one palette (`style`): a model family
has one colour wherever it is drawn, intervals are shown, and text is readable at the width of an A4 page.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cxr_helpers.evaluation import metrics
from cxr_helpers.plots.style import FAINT, INK, TEXT_WIDTH, colour, looks, styled, value_grid
from cxr_helpers.plots.style import figure as empty_figure
from cxr_helpers.tables import formatting
from cxr_helpers.tables.selection import CLASSES

_LEARNING = {"loss": "Loss", "accuracy": "Accuracy", "auc": "ROC AUC"}
_Scores = Mapping[str, Sequence[pd.DataFrame]]


@styled
def histories(runs: Sequence[pd.DataFrame], name: str) -> Figure:
    """Draw the learning curves of an experiment, a line per seed: training faint, validation strong.

    A history has epoch (from 0) and, as far as they exist, loss, accuracy, auc and their val_ twins; `name` decides the
    colour. A dot marks each seed's epoch of least validation loss.
    """
    shown = [metric for metric in _LEARNING if f"val_{metric}" in runs[0]]
    fig = empty_figure(2.4, min(TEXT_WIDTH, 3.15 * len(shown)))
    for ax, metric in zip(fig.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        for run in runs:
            epochs, best = run.epoch + 1, run.val_loss.idxmin()
            ax.plot(epochs, run[metric], color=FAINT, linewidth=1.2, label="training")
            ax.plot(epochs, run[f"val_{metric}"], color=colour(name), label="validation")
            ax.plot(epochs[best], run[f"val_{metric}"][best], "o", color=colour(name), markersize=4.5)
        ax.set(title=_LEARNING[metric], xlabel="epoch", yscale="log" if metric == "loss" else "linear")  # a peak may be far off
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles[:2], labels[:2], loc="outside upper right", ncols=2)
    return fig


def _roc(ax: Axes, scores: _Scores) -> None:
    ax.plot([0, 1], [0, 1], color=FAINT, linewidth=1, zorder=0)
    _bands(ax, scores, metrics.roc_band, "roc_auc")
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=ticks, yticks=ticks, aspect="equal")
    ax.set(xlabel="1 − specificity (false-positive rate)", ylabel="sensitivity (true-positive rate)")
    frame = {"frameon": True, "framealpha": 0.7, "edgecolor": "none"}  # fades what lies behind the text
    ax.legend(loc="lower right", title="AUC (95 % interval)", alignment="left", **frame)


def _pr(ax: Axes, scores: _Scores) -> None:
    """Draw precision-recall curves; the line across is the prevalence, which chance reaches, and the axis starts below it."""
    _bands(ax, scores, metrics.pr_band, "pr_auc")
    prevalence = next(iter(scores.values()))[0].y_true.mean()
    ax.axhline(prevalence, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    ax.annotate(f"prevalence {prevalence:.3f}", (0, prevalence), (4, 3), textcoords="offset points")
    ax.set(xlabel="sensitivity (recall)", ylabel="precision (positive predictive value)")
    # The room below the prevalence line holds the legend.
    ax.set(xlim=(0, 1.01), ylim=(max(0, prevalence - 0.12 - 0.035 * len(scores)), 1.01))
    ax.legend(loc="lower left", title="average precision (95 % interval)", alignment="left")


def _confusion(ax: Axes, scores: pd.DataFrame, threshold: float) -> None:
    table = metrics.confusion(scores, threshold)
    shares = table / table.sum(axis=1, keepdims=True)
    texts = [f"{count:,}\n{100 * share:.1f} %" for count, share in zip(table.flat, shares.flat, strict=True)]
    look = {"cmap": "Greys", "vmin": 0, "vmax": 1.25, "cbar": False, "annot_kws": {"fontsize": 11}}
    sns.heatmap(shares, annot=np.reshape(texts, (2, 2)), fmt="", **look, xticklabels=CLASSES, yticklabels=CLASSES, ax=ax)
    ax.set(xlabel="predicted")
    ax.tick_params(length=0)


def _bands(ax: Axes, scores: _Scores, band, metric: str) -> None:
    """Draw the curve and band of every experiment, the best named first."""
    areas = metrics.compare(scores, metric).sort_values("value", ascending=False, kind="stable")
    styles = looks(scores)
    for name, row in areas.iterrows():
        curve = band(scores[name])
        label = f"{name if len(scores) > 1 else ''}  {formatting.estimate(row.value, row.ci_low, row.ci_high)}".strip()
        ax.fill_between(curve.x, curve.ci_low, curve.ci_high, color=colour(name), alpha=0.15, linewidth=0)
        ax.plot(curve.x, curve.y, **styles[name], label=label)


@styled
def summary(scores: _Scores, threshold: float, plain: float = 0.5) -> Figure:
    """Draw four panels: ROC and precision-recall curves of `scores`, and of the first seed of the first title the rest.

    The rest are the reliability diagram and the confusion matrix at `threshold`; the ROC curve is marked there (dot) and at
    `plain` (ring). `scores`: title -> scores of one split, one frame per seed (averaged at equal false-positive rate).
    """
    fig = empty_figure(4.8 if len(scores) == 1 else 5.6)
    panels = fig.subplots(2, 2)
    name, (first, *_) = next(iter(scores.items()))
    _roc(panels[0, 0], scores)
    for limit, fill in ((threshold, colour(name)), (plain, "white")):
        found = metrics.points(first, limit)
        panels[0, 0].plot(1 - found.specificity, found.recall, "o", color=colour(name), markerfacecolor=fill, markersize=5.5)
    _pr(panels[0, 1], scores)
    if len(scores) > 1:  # below, where long names have room
        for ax in panels[0]:
            ax.get_legend().remove()
        fig.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", title="AUC (95 % interval)")
    _reliability(panels[1, 0], name, first)
    _confusion(panels[1, 1], first, threshold)
    panels[1, 1].set(title=f"threshold {threshold:.3f}", ylabel="reference standard", aspect="equal")
    return fig


def _reliability(ax: Axes, name: str, scores: pd.DataFrame) -> None:
    """Draw the observed share of PNEUMONIA with its 95 % Wilson interval in the 15 bins of the ECE, which the title gives."""
    table = metrics.reliability(scores)
    error = metrics.evaluate(scores).loc["ece"]
    ax.plot([0, 1], [0, 1], color=FAINT, linewidth=1, zorder=0)
    ends = [table.observed - table.ci_low, table.ci_high - table.observed]
    ax.errorbar(table.predicted, table.observed, ends, fmt="o", color=colour(name), markersize=4, elinewidth=1)
    ax.set(title=f"ECE {formatting.cell(error)}", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ax.set(xlabel="predicted P(PNEUMONIA)", ylabel="observed share")


@styled
def forest(table: pd.DataFrame, label: str, reference: float | None = None) -> Figure:
    """Draw one metric of many experiments with 95 % intervals, in the order of the table.

    `table`: as `metrics.compare` gives it, and perhaps `reported`: a figure of the source document, drawn as an open diamond
    where it is known. `label`: of the axis. `reference`: where a vertical line stands, as 0.5 for chance.
    """
    fig = empty_figure(0.75 + 0.27 * len(table), TEXT_WIDTH)
    ax = fig.subplots()
    if reference is not None:
        ax.axvline(reference, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for place, (name, row) in enumerate(table.iterrows()):
        ax.plot([row.ci_low, row.ci_high], [place, place], color=colour(name), linewidth=2.2, solid_capstyle="butt")
        ax.plot(row.value, place, "o", color=colour(name), markersize=4)
        text = formatting.estimate(row.value, row.ci_low, row.ci_high)
        ax.annotate(text, (1, place), (6, 0), ("axes fraction", "data"), "offset points", va="center")
    if "reported" in table:
        look = {"color": INK, "markerfacecolor": "none", "markersize": 5.5}
        ax.plot(table.reported, np.arange(len(table)), "D", label="reported in the text", **look)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1))
    ax.set(xlabel=label, yticks=range(len(table)), yticklabels=table.index, ylim=(len(table) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    value_grid(ax, "x")
    return fig


@styled
def image_grid(images: Sequence[np.ndarray], titles: Sequence[str], columns: int = 4) -> Figure:
    """Draw images, (H, W) uint8 grey or (H, W, 3) RGB, so many columns a row, each under its title.

    The first one's shape gives the panels theirs.
    """
    rows, shape = -(-len(images) // columns), images[0].shape
    height = min(TEXT_WIDTH / columns * shape[0] / shape[1], 2)
    lines = 1 + max(title.count("\n") for title in titles)
    fig = empty_figure(rows * (height + 0.15 * lines) + 0.25, columns * height * shape[1] / shape[0])
    panels = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax in panels:
        ax.set_axis_off()
    for ax, image, title in zip(panels, images, titles, strict=False):
        ax.set_axis_on()
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(title, loc="center", fontsize=8)
    return fig


def classified_images(images: np.ndarray, answers: pd.DataFrame, columns: int = 4) -> Figure:
    """Draw images with true label, predicted label and confidence; a wrong answer has a thick frame and a cross.

    `images`: (N, H, W) uint8, in the order of `answers`, which has label, predicted and confidence (0 to 1).
    """
    wrong = (answers.label != answers.predicted).to_numpy()
    rows = zip(answers.label, wrong, answers.predicted, answers.confidence, strict=True)
    titles = [f"true {label}\n{'✗' if failed else '✓'} {called} {100 * sure:.1f} %" for label, failed, called, sure in rows]
    fig = image_grid(images, titles, columns)
    for place in np.flatnonzero(wrong):
        fig.axes[place].spines[:].set(visible=True, linewidth=2.5, color="black")
    return fig
