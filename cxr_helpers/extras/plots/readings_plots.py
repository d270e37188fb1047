"""Specification curves: what every reading of a text gives, beside what the text reports."""

import pandas as pd
from matplotlib.figure import Figure

from cxr_helpers.evaluation import metrics
from cxr_helpers.plots.style import INK, TEXT_WIDTH, colour, styled, value_grid
from cxr_helpers.plots.style import figure as empty_figure

_SPLITS = {"val": "validation", "test": "test"}


@styled
def specification_curve(table: pd.DataFrame, text: dict, metric: str, reported: float, interval: tuple[float, float]) -> Figure:
    """Draw a metric of all readings, from the smallest to the largest, over the options that each took.

    Args:
        table: one row per reading, as `readings.load` returns it; `text` what readings.toml says of the claim.
        metric: a key of `metrics.TITLES`.
        reported: the text's figure, a line across, in a band that is its 95 % `interval`.

    Filled dots are of the images on which the text reports, and give the order; open ones of the others.
    """
    judged, shade = text["split"], colour(text["experiment"])
    rows = table.sort_values(f"{judged}_{metric}", ignore_index=True)
    choices = [*text["choices"], {"name": "stopping", **text["stopping"]}]
    options = [(choice["name"], label) for choice in choices for label in choice["options"]]
    fig = empty_figure(2.5 + 0.15 * len(options), TEXT_WIDTH)
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=[2.2, 0.15 * len(options)])
    for split, name in _SPLITS.items():
        if f"{split}_{metric}" in rows:
            fill = shade if split == judged else "white"
            above.plot(rows[f"{split}_{metric}"], "o", color=shade, markerfacecolor=fill, markersize=3, label=f"readings, {name}")
    above.axhline(reported, color=INK, linewidth=1, label=f"reported, {_SPLITS[judged]}")
    above.axhspan(*interval, color=INK, alpha=0.12, linewidth=0)
    above.set(ylabel=metrics.title(metric))
    value_grid(above, "y")
    fig.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    for place, (choice, label) in enumerate(options):
        taken = rows.index[rows[choice] == label]
        below.plot(taken, [place] * len(taken), "|", color=shade, markersize=5)
    below.set_yticks(range(len(options)), [f"{choice}: {label}" for choice, label in options], fontsize=6.5)
    below.set(ylim=(len(options) - 0.5, -0.5), xlabel=f"{len(rows)} readings")
    below.tick_params(axis="y", length=0)
    return fig
