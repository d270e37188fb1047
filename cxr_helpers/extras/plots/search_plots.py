"""Searches over hyper-parameters: what every trial gave, and what was known after how many."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from cxr_helpers.plots.style import COLOURS, INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

# Distinguished by lightness and marker too.
_KINDS = {"grid": {"color": INK, "marker": "s"}, "random": {"color": COLOURS["mobilenetv2"], "marker": "o"}}
_NAMES = {"learning_rate": "learning rate", "dropout": "dropout", "batch_size": "batch size", "width": "hidden units"}
_LOGARITHMIC = ("learning_rate", "batch_size")
_SIDE = {"grid": -0.12, "random": 0.12}  # of a place among few values, where marks would hide each other
_FLOOR = 1e-4  # gives an AUC of 1 a place on a logarithmic axis


@styled
def search_trials(studies: Mapping[str, pd.DataFrame], default: float | None = None) -> Figure:
    """Draw 1 − validation AUC of every trial, on a log scale with the best at the top, against each hyper-parameter.

    Args:
        studies: "grid" and "random" -> their trials, as `trials.load` returns them.
        default: AUC of the default values, a line across.

    Filled: completed; open: pruned, with the AUC at which it stood; ringed: the best of its search.
    """
    fig = empty_figure(5.4, TEXT_WIDTH)
    for ax, (name, title) in zip(fig.subplots(2, 2, sharey=True).flat, _NAMES.items(), strict=True):
        if default is not None:
            ax.axhline(_distance(default), color=INK, linewidth=0.8, linestyle=(0, (4, 3)), label="default values")
        places = _places(ax, studies, name)
        for kind, trials in studies.items():
            _points(ax, kind, trials, places[kind])
        ax.set(xlabel=title, yscale="log")
    ax.invert_yaxis()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
    for ax in fig.axes[::2]:
        ax.set_ylabel("1 − validation ROC AUC")
    handles, labels = fig.axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=5, columnspacing=1)
    return fig


@styled
def search_progress(studies: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the largest validation AUC that a completed trial has reached so far, by trials and by minutes spent.

    Args as `search_trials`. A mark stands where a trial was better than all before it.
    """
    fig = empty_figure(2.7, TEXT_WIDTH)
    by_trial, by_time = fig.subplots(1, 2, sharey=True)
    for kind, trials in studies.items():
        best = trials.val_auc.where(trials.state == "complete").cummax().ffill()
        for ax, places in ((by_trial, trials.trial + 1), (by_time, trials.seconds.cumsum() / 60)):
            ax.step(places, best, where="post", color=_KINDS[kind]["color"], label=kind)
            new = best > best.shift(fill_value=0)
            ax.plot(places[new], best[new], **_KINDS[kind], linestyle="", markersize=4)
    by_trial.set(xlabel="trials", ylabel="best validation ROC AUC so far")
    by_trial.xaxis.set_major_locator(MaxNLocator(integer=True))
    by_time.set(xlabel="minutes")
    by_trial.legend(loc="lower right")
    return fig


def _places(ax: Axes, studies: Mapping[str, pd.DataFrame], name: str) -> dict[str, pd.Series]:
    """Return where each study's trials stand on the axis of a hyper-parameter, and set that axis up."""
    if name in _LOGARITHMIC:
        ax.set_xscale("log", base=10 if name == "learning_rate" else 2)
        ax.xaxis.set_major_formatter("{x:g}")
    if name != "width":
        return {kind: trials[name] for kind, trials in studies.items()}
    values = sorted(set(pd.concat([trials[name] for trials in studies.values()])))
    ax.set_xticks(range(len(values)), [value or "none" for value in values])
    return {kind: trials[name].map(values.index) + _SIDE[kind] for kind, trials in studies.items()}


def _points(ax: Axes, kind: str, trials: pd.DataFrame, places: pd.Series) -> None:
    look = {"marker": _KINDS[kind]["marker"], "edgecolor": _KINDS[kind]["color"], "linewidth": 0.9, "s": 18}
    heights = _distance(trials.val_auc)
    for state, fill in {"complete": _KINDS[kind]["color"], "pruned": "none"}.items():
        part = trials.state == state
        ax.scatter(places[part], heights[part], **look, facecolor=fill, alpha=0.8, label=f"{kind}, {state}")
    best = trials.val_auc.where(trials.state == "complete").idxmax()
    ring = {"marker": "o", "s": 110, "facecolor": "none", "edgecolor": _KINDS[kind]["color"], "linewidth": 1.3}
    ax.scatter(places[best], heights[best], **ring)


def _distance(auc: float | pd.Series) -> float | pd.Series:
    """Return 1 − AUC, at least `_FLOOR`."""
    return np.maximum(1 - auc, _FLOOR)
