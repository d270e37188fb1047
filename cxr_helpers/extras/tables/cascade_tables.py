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


def costs(cascades: _Runs) -> pd.DataFrame:
    """Return ms per test image of either model and of the cascade, means over its runs, one row per cascade.

    "load" is the largest load average just before a timing (missing in records of before it was kept).
    """
    rows = []
    for name, runs in cascades.items():
        share = np.array([run.info["sent_on"]["test"] for run in runs])
        times = pd.DataFrame([run.info["ms_per_film"] for run in runs])
        joint, alone_time = (times.screen + share * times.confirm).mean(), times.confirm.mean()
        row = {"cascade": name, "pixels": " and ".join(map(str, runs[0].info["pixel_sides"])), "screen (ms)": times.screen.mean()}
        row |= {"second model (ms)": alone_time, "sent on": share.mean(), "cascade (ms)": joint}
        row |= {"as a multiple of the second": joint / alone_time}
        rows.append(row | {"load": max(run.info.get("load_before", np.nan) for run in runs)})
    return statistics.shown_as(rows, {"sent on": "{:.1%}", "load": 1})


def _members(runs: Sequence[Record]) -> dict[str, list[pd.DataFrame]]:
    """Return "SYSTEM alone" → its test scores, each of its runs once, for both members of a cascade."""
    frames = {}
    for place, stage in enumerate(cascade.STAGES):
        distinct = {run.info["members"][place]: run for run in runs}
        frames[f"{runs[0].config.members[place]} alone"] = [alone(run, stage) for run in distinct.values()]
    return frames
