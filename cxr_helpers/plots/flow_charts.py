"""The flow of images through the study, after STARD 2015."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cxr_helpers.plots.style import INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

PARTS = {"train": "Training", "val": "Validation", "test": "Official test"}


@styled
def image_flow(images: pd.DataFrame, left_out: int, answered: pd.DataFrame | None = None) -> Figure:
    """Draw how many images were published, left out and used, by part and class, and the index test's results on test images.

    `images`: one row an image: patient_id, split, label and pathogen; `left_out` counts the files that could not be used;
    `answered`: the final model's `selection.answers`; without it the diagram ends with the classes.
    """
    lowest = -0.3 if answered is None else -1.75
    fig = empty_figure(0.82 * (3.85 - lowest), TEXT_WIDTH)
    ax = fig.subplots()
    _box(ax, 3, 3.4, f"Files in the published folders\n{len(images) + left_out:,}")
    _box(ax, 5, 2.75, f"Left out as unreadable\nor unfit: {left_out:,}")
    _box(ax, 3, 2.1, _counted("Images read", images))
    _arrow(ax, (3, 3.02), (3, 2.48))
    _arrow(ax, (3, 2.75), (4.1, 2.75))
    for place, (split, title) in enumerate(PARTS.items()):
        part = images[images.split == split]
        _box(ax, 1 + 2 * place, 0.4, f"{_counted(title, part)}\n{_classes(part)}", tall=1.3)
        _arrow(ax, (3, 1.72), (1 + 2 * place, 1.06))
    if answered is not None:
        for place, called in ((3, "PNEUMONIA"), (5, "NORMAL")):
            _box(ax, place, -1.1, _called(answered, called), tall=1.1)
            _arrow(ax, (5, -0.25), (place, -0.55))
    ax.set(xlim=(0, 6), ylim=(lowest, 3.85))
    ax.set_axis_off()
    return fig


def _box(ax: Axes, x: float, y: float, text: str, wide: float = 1.8, tall: float = 0.74) -> None:
    """Draw a box about a centre."""
    style = "round,pad=0,rounding_size=0.06"
    ax.add_patch(FancyBboxPatch((x - wide / 2, y - tall / 2), wide, tall, boxstyle=style, facecolor="white", edgecolor=INK))
    ax.text(x, y, text, ha="center", va="center", fontsize=8)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1})


def _counted(title: str, images: pd.DataFrame) -> str:
    return f"{title}\n{len(images):,} images, {images.patient_id.nunique():,} patients"


def _called(answered: pd.DataFrame, called: str) -> str:
    """Return how many images the model calls by a class, and how many of these are rightly and wrongly so called."""
    labels = answered.label[answered.predicted == called].value_counts()
    names = {"PNEUMONIA": "TP", "NORMAL": "FP"} if called == "PNEUMONIA" else {"PNEUMONIA": "FN", "NORMAL": "TN"}
    counts = [f"label {label} {labels.get(label, 0):,} ({name})" for label, name in names.items()]
    return f"Called {called}\nby the final model: {labels.sum():,}\n" + "\n".join(counts)


def _classes(images: pd.DataFrame) -> str:
    labels, pathogens = images.label.value_counts(), images.pathogen.value_counts()
    return (
        f"NORMAL {labels.get('NORMAL', 0):,}\nPNEUMONIA {labels.get('PNEUMONIA', 0):,}\n"
        f"(bacteria {pathogens.get('bacteria', 0):,}, virus {pathogens.get('virus', 0):,})"
    )
