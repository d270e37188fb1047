"""What a chapter says of cascades: thresholds, figures beside either model alone, cost. Cascades are name → runs, one a seed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.extras.makers import cascade
from cxr_helpers.records import Record
from cxr_helpers.tables import selection, statistics

_Runs = Mapping[str, Sequence[Record]]


def thresholds(cascades: _Runs) -> pd.DataFrame:
    """Return one row a run: the thresholds that validation gave, and the shares of images sent on."""
    rows = []
    for name, runs in cascades.items():
        for run in runs:
            chosen = cascade.Thresholds(**run.info["thresholds"])
            row = {"cascade": name, "seed": run.config.seed, "NORMAL below": chosen.low}
            row |= {"PNEUMONIA from": chosen.high, "second model from": chosen.confirm}
            rows.append(row | {f"sent on, {split}": run.info["sent_on"][split] for split in ("val", "test")})
    return statistics.shown_as(rows, dict.fromkeys(("sent on, val", "sent on, test"), "{:.1%}"))


def alone(run: Record, stage: str, split: str = "test") -> pd.DataFrame:
    """Return one member's scores of a split, with the operating point that it would have alone (Youden) mapped to 0.5."""
    chosen = cascade.Thresholds(**run.info["thresholds"])
    threshold = chosen.screen if stage == "screen" else chosen.confirm
    table = run.split(split).merge(run.table("decisions"), on=["image_id", "split"])
    return table.assign(y_score=cascade.centred(table[f"{stage}_score"], threshold))[list(run.scores)]


def beside(cascades: _Runs) -> dict[str, list[pd.DataFrame]]:
    """Return the test scores of the cascades and of each model alone, one frame a run; all decide at 0.5."""
    frames = {name: selection.scores(runs) for name, runs in cascades.items()}
    for runs in cascades.values():
        frames |= _members(runs)
    return frames


def costs(cascades: _Runs, times: Mapping[str, float]) -> pd.DataFrame:
    """Return ms per test image of either model and of the cascade, one row per cascade; `times`: ms an image by experiment."""
    rows = []
    for name, runs in cascades.items():
        screen, second = (times[member] for member in runs[0].config.members)
        share = np.mean([run.info["sent_on"]["test"] for run in runs])
        row = {"cascade": name, "screen (ms)": screen, "second model (ms)": second, "sent on": share}
        row |= {"cascade (ms)": screen + share * second, "as a multiple of the second": screen / second + share}
        rows.append(row)
    return statistics.shown_as(rows, {"sent on": "{:.1%}"})


def _members(runs: Sequence[Record]) -> dict[str, list[pd.DataFrame]]:
    """Return "SYSTEM alone" → its test scores, each of its runs once, for both members of a cascade."""
    frames = {}
    for place, stage in enumerate(cascade.STAGES):
        distinct = {run.info["members"][place]: run for run in runs}
        frames[f"{runs[0].config.members[place]} alone"] = [alone(run, stage) for run in distinct.values()]
    return frames
