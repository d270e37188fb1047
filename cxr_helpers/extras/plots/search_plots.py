"""Searches over hyper-parameters: what every trial gave."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from cxr_helpers.plots.style import COLOURS, INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

_COLOURS = {"grid": INK, "random": COLOURS["mobilenetv2"]}
_NAMES = {"learning_rate": "learning rate", "dropout": "dropout", "batch_size": "batch size", "width": "hidden units"}
_SCALES = {"learning_rate": {"value": "log"}, "batch_size": {"value": "log", "base": 2}}
_FLOOR = 1e-4  # gives an AUC of 1 a place on a logarithmic axis


@styled
def search_trials(studies: Mapping[str, pd.DataFrame], default: float) -> Figure:
    """Draw 1 − validation AUC of every trial, on a log scale with the best at the top, against each hyper-parameter.

    Args:
        studies: "grid" and "random" -> their trials, as `trials.load` returns them.
        default: AUC of the default values, a line across.

    Dots: completed; crosses: pruned, with the AUC at which it stood; ringed: the best of its search.
    """
    every = pd.concat(studies, names=["search"]).reset_index("search")
    every["distance"] = np.maximum(1 - every.val_auc, _FLOOR)
    best = every[every.state == "complete"].sort_values("distance").drop_duplicates("search")
    look = {"hue": "search", "palette": _COLOURS, "style": "state", "markers": {"complete": "o", "pruned": "X"}}
    fig = empty_figure(5.4, TEXT_WIDTH)
    for ax, (name, title) in zip(fig.subplots(2, 2, sharey=True).flat, _NAMES.items(), strict=True):
        ax.axhline(1 - default, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), label="default values")
        sns.scatterplot(every, x=name, y="distance", **look, s=24, alpha=0.8, ax=ax)
        ax.scatter(best[name], best.distance, s=110, facecolor="none", edgecolor=best.search.map(_COLOURS), linewidth=1.3)
        ax.set(xlabel=title, ylabel="1 − validation ROC AUC", yscale="log")
        ax.set_xscale(**_SCALES.get(name, {"value": "linear"}))
        ax.legend().remove()
    ax.invert_yaxis()
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return fig
