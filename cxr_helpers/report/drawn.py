"""A matplotlib figure as SVG, for notebook and report, and what it draws as a table of numbers."""

import base64
import io
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection, QuadMesh
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

COLUMNS = ["panel", "kind", "series", "name", "x", "y", "low", "high", "value"]
LONGEST = 500  # rows of one series, evenly chosen
STYLE = {"svg.fonttype": "path", "svg.hashsalt": "cxr"}  # glyphs as outlines, ids that do not change from run to run
RASTER_DPI = 150  # of images inside a vector figure
EDGE = 0.04  # inches around what is drawn: a figure as wide as the text is printed in its own size
JPEG_QUALITY = 80
UNSIGNED = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # no date: the same figure gives the same text
PATH, LONG = re.compile(r' d="[^"]*"'), re.compile(r"-?\d+\.\d{3,}")
NEEDLESS = re.compile(r'<!--.*?-->|(?<=<g) id="[^"]*"', re.DOTALL)
RASTER = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")


def numbers(fig: Figure) -> pd.DataFrame:
    """Return what `fig` draws, one row a point, bar or cell, of `COLUMNS` those that say something.

    `panel` and `series` are their names, `name` is what stands at the axis there, `low` and `high` are the ends of an error
    bar or the heights of a band, `value` is that of a cell of a matrix. Of pictures there are no rows.
    """
    fig.draw_without_rendering()  # labels at the axes stand only then
    rows = [row for number, ax in enumerate(fig.axes, 1) for row in _rows(ax, number)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.loc[:, [column for column in table if table[column].notna().any() or column in ("x", "y")]]


def _rows(ax: Axes, number: int) -> Iterator[dict]:
    """Yield the rows of one panel: bars and intervals first, then every other artist, then texts with a digit in them."""
    panel = (ax.get_title(loc="left") or ax.get_title()).split("\n")[0] or f"panel {number}"
    inner = {id(child) for container in ax.containers for child in container.get_children()}
    for container in ax.containers:
        if isinstance(container, BarContainer):
            across = container.orientation == "horizontal"
            boxes = [patch.get_bbox() for patch in container.patches]
            ends = [((box.x1, (box.y0 + box.y1) / 2) if across else ((box.x0 + box.x1) / 2, box.y1)) for box in boxes]
            yield from _named(ax, panel, "bar", container, _xy(ends))
        elif isinstance(container, ErrorbarContainer):
            yield from _named(ax, panel, "interval", container, _intervals(container))
    for artist in (artist for artist in (*ax.lines, *ax.collections, *ax.images) if id(artist) not in inner):
        kind, points = _points(artist)
        yield from _named(ax, panel, kind, artist, points)
    for text in ax.texts:
        if re.search(r"\d", text.get_text()):
            yield {"panel": panel, "kind": "text", "name": " ".join(text.get_text().split())}


def _named(ax: Axes, panel: str, kind: str, artist: Artist, points: pd.DataFrame) -> Iterator[dict]:
    """Yield the points of an artist, at most `LONGEST`, with its label as series and the words that stand at the axes."""
    label = str(artist.get_label() or "")
    series = "" if label.startswith("_") else " ".join(label.split())
    kept = points.iloc[np.unique(np.linspace(0, len(points) - 1, LONGEST).astype(int))] if len(points) > LONGEST else points
    names = []
    for which, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        texts = [" ".join(label.get_text().split()) for label in axis.get_majorticklabels()]
        if any(re.search(r"[A-Za-z]", text) for text in texts):  # words and not numbers stand there
            places = [round(float(place), 6) for place in axis.get_majorticklocs()]
            names.append((which, {place: text for place, text in zip(places, texts, strict=False) if text}))
    for row in kept.to_dict("records"):
        here = [ticks[round(row[which], 6)] for which, ticks in names if which in row and round(row[which], 6) in ticks]
        yield {"panel": panel, "kind": kind, "series": series or None, "name": ", ".join(here) or None, **row}


def _intervals(container: ErrorbarContainer) -> pd.DataFrame:
    """Return the points of an error bar with the ends of its bars."""
    line, _, (bars,) = container.lines
    ends = [segment[:, 0 if container.has_xerr else 1] for segment in bars.get_segments()]
    return _xy(line.get_xydata()).assign(low=[min(each) for each in ends], high=[max(each) for each in ends])


def _points(artist: Artist) -> tuple[str, pd.DataFrame]:
    """Return the kind and the points of a line, of what was scattered, filled or shown as a small matrix of numbers."""
    if isinstance(artist, Line2D):
        return "line", _xy(artist.get_xydata())
    if isinstance(artist, LineCollection):
        return "line", _xy(np.concatenate([np.empty((0, 2)), *artist.get_segments()]))
    if isinstance(artist, PathCollection):
        return "point", _xy(artist.get_offsets())
    values = artist.get_array()
    if values is not None and np.ndim(values) == 2 and np.size(values) <= LONGEST:
        y, x = np.indices(values.shape) + (0.5 if isinstance(artist, QuadMesh) else 0)  # a heat map's cells begin at 0
        cells = np.ma.filled(np.ma.asarray(values, float), np.nan)
        return "cell", pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "value": cells.ravel()})
    if isinstance(artist, Collection) and values is None:
        return "band", _xy(np.concatenate([np.empty((0, 2)), *(path.vertices for path in artist.get_paths())]))
    return "picture", _xy([])


def _xy(points: object) -> pd.DataFrame:
    return pd.DataFrame(np.ma.filled(np.ma.asarray(points, float), np.nan).reshape(-1, 2), columns=["x", "y"])


def svg(fig: Figure) -> str:
    """Return `fig` as SVG text, cut to what is drawn; images in it become JPEG, places are exact to a hundredth of a point."""
    buffer = io.StringIO()
    with rc_context(STYLE):
        fig.savefig(buffer, format="svg", dpi=RASTER_DPI, bbox_inches="tight", pad_inches=EDGE, metadata=UNSIGNED)
    svg = RASTER.sub(_lighter, buffer.getvalue())
    # Without what no renderer needs: comments, names of groups, line breaks, digits that nobody sees.
    svg = PATH.sub(lambda path: LONG.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), path[0]), svg)
    svg = " ".join(NEEDLESS.sub("", svg).split()).replace("> <", "><")
    return svg.replace("xlink:href=", "href=").replace("DejaVuSans-", "d")  # one of these for every letter


def _lighter(match: re.Match) -> str:
    """Return an embedded PNG as JPEG where it is opaque and that is smaller: images, not rasterised points."""
    original = base64.b64decode(match[1])
    image = Image.open(io.BytesIO(original)).convert("RGBA")
    if image.getextrema()[3][0] < 255:
        return match[0]
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    if buffer.tell() >= len(original):
        return match[0]
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
