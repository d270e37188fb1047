"""The points of a figure's curves, so that a reader of the page can point at a curve and read it."""

import json
import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cxr_helpers.report import pictures

FEWEST = 3  # points of a curve; with fewer it is a reference line or a mark
MOST = 60  # points kept of a curve, evenly along its length
_PER_MILLE = 1000
_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_FRAME = '<g id="{}">\\s*<path d="([^"]*)"'
_NOTE = re.compile(r"\s+\([^)]*\)$")  # "sensitivity (recall)"


def drawn(fig: Figure) -> tuple[str, str]:
    """Return `fig` as SVG text, and the points of its curves as JSON ("" where it has none).

    The JSON is a list with one entry a panel: `x` and `y` are the axes' names, `curves` a list of [name, points], a point
    being [left, top, x, y]: its place in the picture in thousandths of width and height, and its value.
    """
    panels = [(ax, _curves(ax)) for ax in fig.axes if ax.axison and ax.patch.get_visible()]
    panels = [(ax, curves) for ax, curves in panels if curves]
    for number, (ax, _) in enumerate(panels):
        ax.patch.set_gid(f"panel-{number}")  # the frame's outline in the SVG tells where the panel lies
    svg = pictures.svg(fig)
    found = [_panel(ax, curves, _frame(svg, f"panel-{number}")) for number, (ax, curves) in enumerate(panels)]
    return svg, json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else ""


def _curves(ax: Axes) -> list[tuple[str, Line2D]]:
    """Return name and line of every curve of a panel; a curve without a name of its own has the panel's title."""
    parts = {part.lines[0]: part.get_label() for part in ax.containers if getattr(part, "lines", None)}
    title = (ax.get_title(loc="left") or ax.get_title()).split("\n")[0]
    named = [(str(parts.get(line) or line.get_label()), line) for line in ax.lines if len(line.get_xdata()) >= FEWEST]
    return [(title if name.startswith("_") else name, line) for name, line in named if line.get_visible()]


def _frame(svg: str, gid: str) -> np.ndarray:
    """Return left, top, width and height of a panel, in shares of the picture."""
    numbers = np.array(re.findall(r"-?[\d.]+", re.search(_FRAME.format(gid), svg)[1]), float).reshape(-1, 2)
    size = np.array(_SIZE.search(svg).groups(), float)
    corner, end = numbers.min(axis=0) / size, numbers.max(axis=0) / size
    return np.concatenate([corner, end - corner])


def _panel(ax: Axes, curves: list[tuple[str, Line2D]], frame: np.ndarray) -> dict:
    return {
        "x": _axis_name(ax, "x"),
        "y": _axis_name(ax, "y"),
        "curves": [[" ".join(name.split()), _points(ax, line, frame)] for name, line in curves],
    }


def _axis_name(ax: Axes, which: str) -> str:
    """Return an axis' label, that of the whole figure where the panel has none, or the panel's title for its height."""
    own = getattr(ax, f"get_{which}label")()
    shared = getattr(ax.figure, f"get_sup{which}label")()
    title = (ax.get_title(loc="left") or ax.get_title()).split("\n")[0] if which == "y" else ""
    return _NOTE.sub("", own or shared or title or which)


def _points(ax: Axes, line: Line2D, frame: np.ndarray) -> list[list[float]]:
    values = np.column_stack([np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)])
    places = (ax.transData - ax.transAxes).transform(values)
    seen = np.isfinite(places).all(axis=1) & (np.abs(places - 0.5) <= 0.5 + 1e-6).all(axis=1)
    values, places = values[seen], places[seen]
    places[:, 1] = 1 - places[:, 1]
    if not len(values):
        return []
    along = np.concatenate([[0], np.hypot(*np.diff(places, axis=0).T).cumsum()])
    kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], MOST))) if len(along) > MOST else np.arange(len(along))
    spots = np.rint(_PER_MILLE * (frame[:2] + places * frame[2:])).astype(int)
    return [[*spots[index].tolist(), *(float(f"{value:.4g}") for value in values[index])] for index in kept]
