"""Figure of the evaluation: all pairs of experiments."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from cxr_helpers.extras.statistics import paired
from cxr_helpers.plots.style import figure as empty_figure
from cxr_helpers.plots.style import styled

_SHADE = 0.7  # difference of the full colour; beyond all that occur, so that black figures stay readable
_SMALL = 7  # points: the least of any figure


@styled
def pair_matrix(table: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Draw the difference of every two experiments, row minus column: AUC below the diagonal, accuracy above it.

    Purple: the row's has the higher figure; orange: the column's. Bold figures hold after Holm's correction.

    Args:
        table: as `evaluation_tables.pairs` gives it.
        names: of the experiments, in the order of the rows.
    """
    fig = empty_figure(1.4 + 0.42 * len(names))
    gaps, held = np.full((len(names), len(names)), np.nan), np.zeros((len(names), len(names)), bool)
    for pair in table.itertuples():
        first, second = names.index(pair.experiment), names.index(pair.against)
        for key, place in (("auc", max(first, second)), ("accuracy", min(first, second))):
            cell = place, first + second - place
            gaps[cell] = getattr(pair, key) * (1 if place == first else -1)
            held[cell] = getattr(pair, f"{key}_holm") < paired.SIGNIFICANT
    # without the zero before the point, so that ten of them fit beside each other
    texts = [[f"{gap:+.3f}".replace("0.", ".").replace("-", "−") for gap in row] for row in gaps]
    look = {"cmap": "PuOr", "vmin": -_SHADE, "vmax": _SHADE, "alpha": 0.75, "cbar": False, "annot_kws": {"fontsize": _SMALL}}
    ax = sns.heatmap(gaps, annot=np.array(texts), fmt="", xticklabels=names, yticklabels=names, ax=fig.subplots(), **look)
    for text, (row, column) in zip(ax.texts, np.argwhere(np.isfinite(gaps)), strict=True):
        text.set(weight="bold" if held[row, column] else "normal", color="black")
    ax.set_xticklabels(names, rotation=40, ha="right", rotation_mode="anchor", fontsize=_SMALL)
    ax.set_yticklabels(names, rotation=0, fontsize=_SMALL)
    ax.set_title("above the diagonal: accuracy; below: AUC; row minus column")
    ax.tick_params(length=0)
    return fig
