"""An experiment that was given an operating point is shown at that one and at no other, in every table of the report."""

import pandas as pd
import pytest

from cxr_helpers import records
from cxr_helpers.evaluation import metrics
from cxr_helpers.tables import candidates, selection
from cxr_helpers.workflow import chapter_files

SHOWN = {metrics.TITLES[name]: name for name in ("accuracy", "recall", "specificity")}
OFFICIAL = "official test"  # what tables with a column "images" call the images that the others are all of


def elsewhere(profile: str) -> list[str]:
    """Return what the tables show of such experiments on the official test images at another threshold."""
    found = []
    for name in candidates.made(profile):
        runs = records.of(name, profile)
        own = metrics.evaluate(selection.scores(runs), selection.thresholds(runs)).value
        for path in sorted(chapter_files.folder(profile).glob("tbl-*.csv")):
            table = pd.read_csv(path)
            if "experiment" not in table or not {*SHOWN} & {*table}:
                continue
            rows = table[table.experiment == name]
            rows = rows[rows.images == OFFICIAL] if "images" in rows else rows
            for title in {*SHOWN} & {*table}:
                if ((rows[title] - own[SHOWN[title]]).abs() > 1e-5).any():
                    found.append(f"{path.name}: {title} of {name} is {rows[title].tolist()}, not {own[SHOWN[title]]:.4f}")
    return found


@pytest.mark.report
def test_no_table_has_another_operating_point(smoke_run):
    assert elsewhere("smoke") == []


def test_nor_has_one_of_the_committed_report():
    if not (chapter_files.folder("full") / "tbl-final-duplicates.csv").is_file():
        pytest.skip("the committed report was rendered before all tables had one operating point")
    assert elsewhere("full") == []
