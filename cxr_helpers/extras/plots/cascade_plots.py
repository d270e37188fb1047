"""A cascade's way to its decisions: which images the screen is unsure of, who decides, and what was looked at."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxr_helpers.explain import overlay
from cxr_helpers.plots.style import CLASS_COLOURS, FAINT, INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure

_BINS = np.linspace(0, 1, 26)
_PATHS = {  # (stage, answer): label, from top to bottom
    ("screen", "NORMAL"): "screen:\nNORMAL",
    ("confirm", "NORMAL"): "sent on:\nNORMAL",
    ("confirm", "PNEUMONIA"): "sent on:\nPNEUMONIA",
    ("screen", "PNEUMONIA"): "screen:\nPNEUMONIA",
}


@styled
def decision_paths(answers: pd.DataFrame, low: float, high: float) -> Figure:
    """Draw the screen's scores by true class with the band that is sent on, and the images of each path.

    Args:
        answers: one row an image: stage ("screen" or "confirm"), screen_score (0 to 1), label and predicted.
        low: an image whose screen_score is below is NORMAL.
        high: from here on it is PNEUMONIA; images between the two are sent on.
    """
    fig = empty_figure(2.9, TEXT_WIDTH)
    scores, paths = fig.subplots(1, 2, width_ratios=[3, 2])
    scores.axvspan(low, min(high, 1), color=FAINT, alpha=0.5, linewidth=0, label="sent on")
    for label, shade in _shades():
        values = answers.screen_score[answers.label == label]
        scores.hist(values, _BINS, histtype="step", color=shade, linewidth=1.6, label=f"true {label}")
    scores.set(xlabel="P(PNEUMONIA) by the screen", ylabel="images", yscale="log", xlim=(0, 1), title="What the screen says")
    _count_paths(paths, answers)
    fig.legend(*scores.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def _count_paths(ax: Axes, answers: pd.DataFrame) -> None:
    """Draw a bar per path, divided by the images' true class, with the count of each part."""
    widest = answers.groupby(["stage", "predicted"]).size().max()
    for place, (stage, predicted) in enumerate(_PATHS):
        images = answers[(answers.stage == stage) & (answers.predicted == predicted)]
        counts = [int((images.label == label).sum()) for label, _ in _shades()]
        for count, left, (_, shade) in zip(counts, (0, counts[0]), _shades(), strict=True):
            ax.barh(place, count, left=left, height=0.6, color=shade)
        ax.annotate(f"{counts[0]} + {counts[1]}", (sum(counts), place), (4, 0), textcoords="offset points", va="center")
    ax.set(xlim=(0, 1.35 * widest), ylim=(len(_PATHS) - 0.5, -0.5), xlabel="images", title="Who decides")
    ax.set_yticks(range(len(_PATHS)), list(_PATHS.values()))
    ax.tick_params(axis="y", length=0)


@styled
def decided_images(images: np.ndarray, maps: np.ndarray, titles: Sequence[str]) -> Figure:
    """Draw images beside their heat maps, two pairs a row, each pair under its title.

    Args:
        images: (N, H, W) uint8.
        maps: (N, H, W) in [0, 1], of the model that decided on the image.
        titles: N of them.
    """
    rows = -(-len(images) // 2)
    fig = empty_figure(rows * (TEXT_WIDTH / 4 + 0.15 * (1 + max(title.count("\n") for title in titles)) + 0.05))
    panels = fig.subplots(rows, 2, squeeze=False).ravel()
    for ax in panels:
        ax.set_axis_off()
    for ax, image, heat, title in zip(panels, images, maps, titles, strict=False):
        ax.imshow(overlay.beside(image, overlay.heat(image, heat)))
        ax.set_title(title, loc="left", fontsize=8, color=INK)
    return fig


def _shades() -> list[tuple[str, str]]:
    return [(label, CLASS_COLOURS[label]) for label in ("NORMAL", "PNEUMONIA")]
