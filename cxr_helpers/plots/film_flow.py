"""The flow of films through the study, after STARD: published, left out, divided, and by class."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cxr_helpers.plots.style import INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

PARTS = {"train": "Training", "val": "Validation", "test": "Official test"}
ARROW = {"arrowstyle": "-|>", "color": INK, "linewidth": 1}


@styled
def film_flow(films: pd.DataFrame, left_out: int) -> Figure:
    """Draw how many films were published, left out and used, by part and class.

    `films` has one row a film: patient_id, split (train, val or test), label and pathogen ("bacteria", "virus" or
    missing); `left_out` counts the files that could not be used.
    """
    fig = empty_figure(3.4, TEXT_WIDTH)
    ax = fig.subplots()
    _box(ax, 3, 3.4, f"Files in the published folders\n{len(films) + left_out:,}")
    _box(ax, 5, 2.75, f"Left out as unreadable\nor unfit: {left_out:,}")
    _box(ax, 3, 2.1, _counted("Films read", films))
    ax.annotate("", (3, 2.48), (3, 3.02), arrowprops=ARROW)
    ax.annotate("", (4.1, 2.75), (3, 2.75), arrowprops=ARROW)
    for place, (split, title) in enumerate(PARTS.items()):
        part = films[films.split == split]
        _box(ax, 1 + 2 * place, 0.4, f"{_counted(title, part)}\n{_classes(part)}", tall=1.3)
        ax.annotate("", (1 + 2 * place, 1.06), (3, 1.72), arrowprops=ARROW)
    ax.set(xlim=(0, 6), ylim=(-0.3, 3.85))
    ax.set_axis_off()
    return fig


def _box(ax: Axes, x: float, y: float, text: str, tall: float = 0.74) -> None:
    style = "round,pad=0,rounding_size=0.06"
    ax.add_patch(FancyBboxPatch((x - 0.9, y - tall / 2), 1.8, tall, boxstyle=style, facecolor="white", edgecolor=INK))
    ax.text(x, y, text, ha="center", va="center", fontsize=8)


def _counted(title: str, films: pd.DataFrame) -> str:
    return f"{title}\n{len(films):,} films, {films.patient_id.nunique():,} patients"


def _classes(films: pd.DataFrame) -> str:
    labels, pathogens = films.label.value_counts(), films.pathogen.value_counts()
    return (
        f"NORMAL {labels.get('NORMAL', 0):,}\nPNEUMONIA {labels.get('PNEUMONIA', 0):,}\n"
        f"(bacteria {pathogens.get('bacteria', 0):,}, virus {pathogens.get('virus', 0):,})"
    )
