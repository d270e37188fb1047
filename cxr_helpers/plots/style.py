"""Palette and style of all figures."""

import functools
import itertools
import re
from collections.abc import Callable, Iterable

import matplotlib
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxr_helpers import experiments

TEXT_WIDTH = 6.3  # inches between the margins of an A4 page

# One colour per model family: Okabe and Ito's colour-blind-safe palette, with a brown that keeps apart from it for what joins
# several networks, and a grey for what is no trained system.
COLOURS = {
    "ensemble": "#7A4A1E",
    "vgg16": "#D55E00",
    "resnet50": "#0072B2",  # ResNets of any depth
    "mobilenetv2": "#CC79A7",
    "mobilenet": "#009E73",
    "custom_cnn": "#E69F00",
    "other": "#000000",  # trained systems of no family above
    "null": "#555555",
}
# Classes and pathogens differ from every model and, by lightness, from each other in grey print.
CLASS_COLOURS = {"NORMAL": "#56B4E9", "PNEUMONIA": "#332288", "bacteria": "#332288", "virus": "#8C7FD1"}
INK = "#333333"
FAINT = "#BBBBBB"

_WORD = re.compile(r"[\w+]+")
_LINES = ("-", "--", ":", "-.")
_STYLE = (
    sns.axes_style("ticks")
    | sns.plotting_context("paper")
    | {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so figures are the same everywhere
        "font.size": 8.5,
        "axes.titlesize": 9,
        "axes.labelsize": 8.5,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "axes.linewidth": 0.8,
        "axes.titlelocation": "left",
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "lines.linewidth": 1.6,
        "savefig.dpi": 200,
    }
)


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Run a drawing function in the report's style, leaving matplotlib's settings as they were."""

    @functools.wraps(draw)
    def drawn(*args, **options) -> Figure:
        with matplotlib.rc_context(_STYLE):
            return draw(*args, **options)

    return drawn


def figure(height: float, width: float = TEXT_WIDTH) -> Figure:
    """Return an empty figure (inches) that pyplot does not keep."""
    return Figure(figsize=(width, height), layout="constrained")


def colour(name: str) -> str:
    """Return the colour of a model family.

    It is that of the configuration where a system of experiments.toml is named ("calibrated_finetuned" is a MobileNetV2), else
    that which the title contains ("VGG-16, frozen"), else the grey of shortcut baselines.
    """
    systems = _systems()
    system = next((word for word in _WORD.findall(name) if word in systems), None)
    plain = _plain(name)
    return COLOURS[_family(system) if system else next((family for family in COLOURS if _plain(family) in plain), "null")]


def looks(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return colour and line style per name: systems of one family share the colour and differ in the line."""
    lines = {shade: itertools.cycle(_LINES) for shade in COLOURS.values()}
    return {name: {"color": colour(name), "linestyle": next(lines[colour(name)])} for name in names}


def interval(value: float, low: float, high: float) -> str:
    """Return "0.950 [0.930, 0.967]"."""
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def unit_axes(ax: Axes) -> None:
    """Let both axes run from 0 to 1 in one scale."""
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=ticks, yticks=ticks, aspect="equal")


@functools.cache
def _systems() -> dict[str, experiments.Experiment]:
    return experiments.load("full")


def _family(system: str) -> str:
    """Return the family of what a system consists of: of the one network that it calibrates, averages or takes features from."""
    config = _systems()[system].configs[0]
    if config.members and config.model in ("calibrated", "soup"):
        return _family(config.members[0])
    network = (config.features or config.model).replace("resnet", "resnet50", 1)
    return next((family for family in COLOURS if network.startswith(family)), "other")


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
