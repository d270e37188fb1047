"""Figures of the evaluation: all pairs of experiments, decision curves, AUC by stratum."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cxr_helpers.extras.statistics import paired, strata
from cxr_helpers.plots.style import FAINT, INK, TEXT_WIDTH, colour, styled
from cxr_helpers.plots.style import figure as empty_figure

_SHADE = 0.7  # difference of the full colour; beyond all that occur, so that black figures stay readable
_SMALL = 7  # points: the least of any figure


@styled
def pair_matrix(table: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Draw the difference of every two experiments, row minus column: AUC below the diagonal, accuracy above it.

    Purple: the row's has the higher figure; orange: the column's. A frame and bold figures mark what holds after
    Holm's correction.

    Args:
        table: as `evaluation_tables.pairs` gives it.
        names: of the experiments, in the order of the rows.
    """
    fig = empty_figure(1.4 + 0.42 * len(names))
    ax = fig.subplots()
    gaps, held = np.full((2, len(names), len(names)), np.nan)
    for pair in table.itertuples():
        first, second = names.index(pair.experiment), names.index(pair.against)
        for key, place in (("auc", max(first, second)), ("accuracy", min(first, second))):
            cell = place, first + second - place
            gaps[cell] = getattr(pair, key) * (1 if place == first else -1)
            held[cell] = getattr(pair, f"{key}_holm") < paired.SIGNIFICANT
    ax.imshow(gaps, cmap="PuOr", vmin=-_SHADE, vmax=_SHADE, alpha=0.75)
    for (row, column), gap in np.ndenumerate(gaps):
        if np.isfinite(gap):  # without the zero before the point, so that ten of them fit beside each other
            _mark(ax, row, column, f"{gap:+.3f}".replace("0.", ".").replace("-", "−"), bool(held[row, column]))
    ax.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=_SMALL)
    ax.set_yticks(range(len(names)), names, fontsize=_SMALL)
    ax.set_title("above the diagonal: accuracy; below: AUC; row minus column")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return fig


def _mark(ax: Axes, row: int, column: int, text: str, holds: bool) -> None:
    """Write a difference into its cell, bold and framed where it holds."""
    weight = "bold" if holds else "normal"
    ax.text(column, row, text, ha="center", va="center", fontsize=_SMALL, weight=weight, color="black" if holds else INK)
    if holds:
        ax.add_patch(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fill=False, edgecolor=INK, linewidth=0.9))


@styled
def decision_curves(panels: Mapping[str, pd.DataFrame], name: str) -> Figure:
    """Draw net benefit against threshold probability beside treating all and treating none, a panel per prevalence.

    Args:
        panels: title → curve as `decisions.net_benefit` gives it.
        name: of the experiment; decides the colour.
    """
    fig = empty_figure(2.7, min(TEXT_WIDTH, 3.15 * len(panels)))
    for ax, (title, curve) in zip(fig.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        ax.axhline(0, color=INK, linewidth=1, label="treat none")
        ax.plot(curve.threshold, curve.treat_all, color=INK, linewidth=1.2, linestyle=(0, (4, 2)), label="treat all")
        ax.fill_between(curve.threshold, curve.ci_low, curve.ci_high, color=colour(name), alpha=0.2, linewidth=0)
        ax.plot(curve.threshold, curve.model, color=colour(name), label=name)
        top = curve[["ci_high", "treat_all"]].to_numpy().max()
        ax.set(title=title, xlabel="threshold probability", xlim=(0, 1), ylim=(-0.25 * top, 1.08 * top))
    fig.axes[0].set_ylabel("net benefit per image")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@styled
def auc_by_stratum(table: pd.DataFrame, label: str) -> Figure:
    """Draw the AUC within each stratum and over the pairs of one stratum, with 95 % intervals, a panel per experiment.

    The dashed line is the AUC over all pairs, the dotted one chance. Hollow: too few images for an interval.

    Args:
        table: as `subgroup_tables.by_stratum` gives it.
        label: what the images are divided by.
    """
    names = list(table.experiment.unique())
    shown = table[~table.stratum.isin((strata.ALL, strata.DIFFERENCE))]
    rows = list(shown.stratum.unique())
    counts = shown.drop_duplicates("stratum").set_index("stratum")
    least = min(0.4, shown[["value", "ci_low"]].min(axis=None))
    fig = empty_figure(0.95 + 0.3 * len(rows))
    for ax, name in zip(fig.subplots(1, len(names), sharex=True, sharey=True, squeeze=False)[0], names, strict=True):
        whole = table[(table.experiment == name) & (table.stratum == strata.ALL)].value.iloc[0]
        ax.axvline(whole, color=colour(name), linewidth=1, linestyle=(0, (4, 2)))
        ax.axvline(0.5, color=FAINT, linewidth=1, linestyle=":")
        for place, found in enumerate(shown[shown.experiment == name].set_index("stratum").loc[rows].itertuples()):
            pooled = found.Index == strata.WITHIN
            ax.plot([found.ci_low, found.ci_high], [place, place], color=colour(name), linewidth=2, solid_capstyle="butt")
            fill = colour(name) if np.isfinite(found.ci_low) else "white"
            ax.plot(found.value, place, "D" if pooled else "o", color=colour(name), markersize=4.5, markerfacecolor=fill)
        ax.set(title=name.replace("_", "\n"), xlim=(least - 0.03, 1.03))
        ax.tick_params(axis="y", length=0)
    labels = [f"{row}\n({counts.normal[row]} N, {counts.pneumonia[row]} P)" for row in rows]
    fig.axes[0].set(yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.5))
    fig.axes[0].set_yticklabels(labels, fontsize=_SMALL)
    fig.axes[0].set_ylabel(f"{label}\nN: normal, P: pneumonia")
    fig.supxlabel("ROC AUC, official test images", fontsize=8.5)
    return fig
