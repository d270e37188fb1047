"""What stages cost: growth with the number of images."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from cxr_helpers.extras.statistics.growth import Growth
from cxr_helpers.plots.style import TEXT_WIDTH, colour, styled
from cxr_helpers.plots.style import figure as empty_figure


@styled
def growths(costs: pd.DataFrame, fits: Mapping[tuple[str, str], Growth], label: str) -> Figure:
    """Draw one cost of every stage against the number of images, both axes logarithmic, with the fitted power laws.

    Args:
        costs: program, stage, images, median, min, max; a panel per stage, a colour per program.
        fits: (program, stage) -> the power law fitted to the medians.
        label: of the cost's axis, as "seconds".
    """
    names = list(dict.fromkeys(costs.stage))
    rows = -(-len(names) // 3)
    fig = empty_figure(2.1 * rows + 0.3, TEXT_WIDTH)
    panels = fig.subplots(rows, 3, squeeze=False)
    for ax, stage in zip(panels.ravel(), names, strict=False):
        for program, part in costs[costs.stage == stage].groupby("program", sort=False):
            _growth(ax, program, part, fits[program, stage])
        _log_axes(ax, costs[costs.stage == stage])
        ax.set_title(stage)
        ax.legend(loc="upper left", handlelength=1.2, borderaxespad=0)
    for ax in panels.ravel()[len(names) :]:
        ax.set_axis_off()
    fig.supxlabel("images", fontsize=8.5)
    fig.supylabel(label, fontsize=8.5)
    return fig


def _growth(ax: Axes, program: str, part: pd.DataFrame, fit: Growth) -> None:
    """Draw the medians with their range over repeats, and the fitted line, which names its exponent."""
    shade = colour(program)
    spread = [part["median"] - part["min"], part["max"] - part["median"]]
    ax.errorbar(part.images, part["median"], spread, fmt="o", color=shade, markersize=3.5, elinewidth=1)
    images = np.geomspace(part.images.min(), part.images.max(), 50)
    name = "" if program == "both" else f"{program}: "
    ax.plot(images, fit.at(images), color=shade, linewidth=1.2, label=f"{name}$N^{{{fit.exponent:.2f}}}$")


def _log_axes(ax: Axes, part: pd.DataFrame) -> None:
    """Scale both axes; the cost's spans a decade or more, so that what hardly grows looks flat, with room for the legend."""
    low, high = part["min"].min(), part["max"].max()
    middle = np.sqrt(low * high)
    ax.set(xscale="log", yscale="log", ylim=(min(low / 1.3, middle / 4), max(high, middle * 4) * (high / low) ** 0.3 * 2))
    counts = sorted(part.images.unique())
    ax.set_xticks(counts[::2], [f"{count:,}" for count in counts[::2]])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
