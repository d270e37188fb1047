"""Figures, tables, sentences and listings of a chapter: shown in the notebook, and understood by the report.

Prose refers to them as `@fig:label` and `@tbl:label`, to a chapter as `@ch:03_vgg16`, to a source as `[@key]`. Experiments
are shown under their titles. Each carries the numbers that it shows, unformatted (`text/csv`), and the stored results that were
read for it (`sources`); `cxr render` writes both to `reports/data/`.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Sequence

import pandas as pd
from IPython.display import publish_display_data
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

from cxr_helpers import experiments, records
from cxr_helpers.base import stored_results
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.experiments import Experiment
from cxr_helpers.records import Record
from cxr_helpers.report import drawn
from cxr_helpers.tables import formatting, selection, statistics

LABEL = re.compile(r"(fig|tbl):[a-z0-9]+(-[a-z0-9]+)*")
DIGITS = "%.7g"


def figure(fig: Figure, label: str, caption: str, alt: str) -> None:
    """Show `fig` under `label` ("fig:...") with its caption (Markdown) and close it.

    `alt` says in plain text what the figure shows. A malformed label, an empty caption or text is a CxrError.
    """
    if not alt.strip():
        raise CxrError(f"{label}: the alternative text is empty; pass alt= with what the figure shows.")
    numbers = drawn.numbers(fig)
    _name(fig)
    shown = {"image/svg+xml": drawn.svg(fig)}
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
