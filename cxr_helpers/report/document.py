"""Figures, tables, sentences and listings of a chapter: shown in the notebook, and understood by the report.

Prose refers to them as `@fig:label` and `@tbl:label`, to a chapter as `@ch:03_vgg16`, to a source as `[@key]`. Experiments
are shown under their titles. Each carries the numbers that it shows, unformatted (`text/csv`), and the stored results that were
read for it (`sources`); `cxr render` writes both to `reports/data/`.
"""

import base64
import inspect
import io
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from IPython.display import publish_display_data
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection, QuadMesh
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from cxr_helpers import experiments, records
from cxr_helpers.base import stored_results
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.experiments import Experiment
from cxr_helpers.records import Record
from cxr_helpers.tables import formatting, selection, statistics

LABEL = re.compile(r"(fig|tbl):[a-z0-9]+(-[a-z0-9]+)*")
DIGITS = "%.7g"
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


def figure(fig: Figure, label: str, caption: str, alt: str) -> None:
    """Show `fig` under `label` ("fig:...") with its caption (Markdown) and close it.

    `alt` says in plain text what the figure shows. A malformed label, an empty caption or text is a CxrError.
    """
    if not alt.strip():
        raise CxrError(f"{label}: the alternative text is empty; pass alt= with what the figure shows.")
    numbers = numbers_of(fig)
    _name(fig)
    shown = {"image/svg+xml": svg(fig)}
    plt.close(fig)
    _labelled("figure", label, caption, shown, numbers, alt=_line(alt))


def table(frame: pd.DataFrame, label: str, caption: str, digits: int | dict[str, int] = 3) -> None:
    """Show `frame` under `label` ("tbl:...") with its caption (Markdown); `digits` as in `formatting.formatted`.

    A malformed label, an empty caption or an empty table is a CxrError.
    """
    if frame.empty:
        raise CxrError(f"{label}: the table has no cells; check what was selected for it.")
    shown = {"text/markdown": experiments.named(formatting.markdown(frame, digits))}
    _labelled("table", label, caption, shown, formatting.flat(frame))


def text(markdown: str) -> None:
    """Show a sentence or more of Markdown, its numbers read from records."""
    publish({"text/markdown": experiments.named(formatting.written(markdown))}, "text")


def code(*things: Callable | type) -> None:
    """Show the source of functions or classes as a listing, in the notebook and in the report."""
    source = "\n\n".join(textwrap.dedent(inspect.getsource(thing)).rstrip() for thing in things)
    publish({"text/markdown": f"```python\n{source}\n```"}, "code")


def beside_record(experiment: Experiment, runs: Sequence[Record], profile: str, prefix: str, split: str = "test") -> None:
    """Show what a reader changed beside the committed record, paired over patients; nothing where nothing was changed."""
    committed = records.of(experiment.name, profile)
    if {run.run_id for run in runs} == {run.run_id for run in committed}:
        return
    label = experiment.label if experiment.changes else f"{experiment.name} (own network)"
    scores = {f"record of {experiment.name}": selection.scores(committed, split), label: selection.scores(runs, split)}
    caption = f"{label} beside the committed record, threshold 0.5."
    table(statistics.performance(scores), f"tbl:{prefix}-changed", caption=caption)
    gap = metrics.difference(scores[label], selection.scores(committed, split))
    gap = gap.set_axis(["difference", "95 % from", "to"], axis=1).rename(index=metrics.TITLES).rename_axis("metric")
    caption = f"{label} minus the committed record, paired over patients."
    table(gap.reset_index(), f"tbl:{prefix}-changed-difference", caption=caption)


def publish(bundle: dict[str, str], kind: str, **note: str) -> None:
    """Show a bundle (MIME type -> content) with what the report has to know of it: its kind, a note, and what was read for it."""
    sources = {} if kind == "code" else stored_results.sources()  # a listing shows no result
    publish_display_data(bundle, metadata={"cxr": {"kind": kind, **note, "sources": sources}})


def _labelled(kind: str, label: str, caption: str, shown: dict[str, str], numbers: pd.DataFrame, **note: str) -> None:
    """Show a figure or table with its numbers under its caption; a malformed label or an empty caption is a CxrError."""
    prefix = "fig" if kind == "figure" else "tbl"
    if not LABEL.fullmatch(label) or not label.startswith(f"{prefix}:"):
        raise CxrError(f"Label {label!r} is malformed; write {prefix}: and lower-case words joined by hyphens.")
    if not caption.strip():
        raise CxrError(f"{label}: the caption is empty; pass caption= with what the reader should see.")
    data, caption = numbers.to_csv(index=False, float_format=DIGITS, lineterminator="\n"), _line(caption)
    publish(shown | {"text/csv": data}, kind, label=label, caption=caption, **note)
    # In the notebook only: the report sets its own, with the number.
    publish_display_data({"text/markdown": f"**{label}** {caption}"}, metadata={"cxr": {"kind": "caption"}})


def _name(fig: Figure) -> None:
    """Show the titles of experiments in place of their names in all words of a figure, which must have been drawn."""
    for axis in (axis for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)):  # it sets its words anew whenever it is drawn
        words = [label.get_text() for label in axis.get_ticklabels()]
        named = [experiments.named(word) for word in words]
        if named != words:
            axis.set_ticks(axis.get_ticklocs(), named)
    for words in fig.findobj(Text):
        words.set_text(experiments.named(words.get_text()))


def _line(text: str) -> str:
    return experiments.named(formatting.written(" ".join(text.split())))


def numbers_of(fig: Figure) -> pd.DataFrame:
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
    """Return the points of an error bar with the ends of its bars, NaN where a point has none."""
    line, _, (bars,) = container.lines
    across = 0 if container.has_xerr else 1
    ends = [segment[:, across] if len(segment) else [np.nan] for segment in bars.get_segments()]
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
    with plt.rc_context(STYLE):
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
