"""Palette and style of all figures."""

import itertools
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager

import matplotlib
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxr_helpers import experiments

TEXT_WIDTH = 6.3  # inches between the margins of an A4 page

# One colour per model family: Okabe and Ito's colour-blind-safe palette, with a brown that keeps apart from it for what joins
# several networks, and a grey for what is no network.
COLOURS = {
    "ensemble": "#7A4A1E",
    "vgg16": "#D55E00",
    "resnet": "#0072B2",
    "mobilenetv2": "#CC79A7",
    "mobilenet": "#009E73",
    "custom_cnn": "#E69F00",
    "other": "#000000",  # networks of no family above
    "baseline": "#555555",  # shortcut baselines
}
# Classes and pathogens differ from every model and, by lightness, from each other in grey print.
CLASS_COLOURS = {"NORMAL": "#56B4E9", "PNEUMONIA": "#332288", "bacteria": "#332288", "virus": "#8C7FD1"}
INK = "#333333"
FAINT = "#BBBBBB"

_LINES = ("-", "--", ":", "-.")
_STYLE = (
    sns.axes_style("ticks")
    | sns.plotting_context("paper")
    | {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so figures are the same everywhere
        **dict.fromkeys(("font.size", "axes.labelsize"), 8.5),
        **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 8),
        "axes.titlesize": 9,
        "legend.frameon": False,
        **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
        **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color"), INK),
        "axes.linewidth": 0.8,
        "axes.titlelocation": "left",
        "lines.linewidth": 1.6,
        "savefig.dpi": 200,
    }
)


def applied() -> AbstractContextManager:
    """Return a context in which figures are drawn in the report's style; matplotlib's settings stay as they were."""
    return matplotlib.rc_context(_STYLE)


styled = applied()  # as a decorator: the function draws in this style


def figure(height: float, width: float = TEXT_WIDTH) -> Figure:
    """Return an empty figure (inches) that pyplot does not keep."""
    return Figure(figsize=(width, height), layout="constrained")


def colour(name: str) -> str:
    """Return the colour of a model family.

    It is the one that the name contains, or the title of the experiment that it names ("calibrated_finetuned" is a MobileNetV2);
    an experiment of no family is black, and what names none has the grey of shortcut baselines.
    """
    titled = experiments.named(name)
    plain, other = _plain(name + titled), "baseline" if titled == name else "other"
    return COLOURS[next((family for family in COLOURS if _plain(family) in plain), other)]


def looks(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return colour and line style per name: experiments of one family share the colour and differ in the line."""
    lines = {shade: itertools.cycle(_LINES) for shade in COLOURS.values()}
    return {name: {"color": colour(name), "linestyle": next(lines[colour(name)])} for name in names}


def value_grid(ax: Axes, axis: str) -> None:
    """Draw faint lines behind the marks, from the ticks of an axis ("x" or "y")."""
    ax.grid(axis=axis, color="#E6E6E6", linewidth=0.7)
    ax.set_axisbelow(True)


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
