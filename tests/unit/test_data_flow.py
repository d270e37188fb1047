"""From which stored results a cell is computed, followed through the names of a chapter's source."""

import json

import pytest

from cxr_helpers import paths
from cxr_helpers.extras.benchmarks import comparisons, measurements
from cxr_helpers.report import data_flow
from cxr_helpers.workflow import chapter_files


def flows(*cells):
    """Return what flows into the cells of a notebook with these sources; the markdown cell before them is number 1."""
    code = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in cells]
    return data_flow._flows(json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Title"]}, *code]}))


LOADED = 'speed = measurements.load("speed", profile)\nruns = {name: records.of(name, profile) for name in systems}'


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("document.text(str(speed))", {"speed"}),
        ("best = max(runs)\nbest", {"runs"}),
        ("speed = 3\nspeed", set()),
        ("[speed for speed in images]", set()),  # a name of its own
        ("both = [speed]\nboth += [runs]\nif images:\n    shown = both\nshown", {"speed", "runs"}),
        ("for row in speed:\n    rows[row] = row\nrows", {"speed"}),
        ("speed_of_light = 'speed'", set()),  # a word, and no measurement is read
        ("costs = deployment_tables.measured('deployment', profile)", {"deployment"}),
        ("pd.read_csv(paths.ROOT / 'reports' / 'published.csv')", {"published"}),
        ("comparison_tables.views_sentence(profile)", {"train_mobilenet_rahman"}),
        ("final_model.beside_published(final)", {"published"}),
    ],
)
def test_a_name_carries_what_flowed_into_it(cell, expected):
    assert flows(LOADED, cell)["3"] == expected


def test_two_tables_of_one_cell_are_told_apart_and_aliases_are_known():
    source = 'from cxr_helpers.tables import accelerator_tables as shown\ndocument.table(speed, "tbl:a")\n'
    found = flows(LOADED, source + 'document.table(shown.figures(profile), "tbl:b")')
    assert found["tbl:a"] == {"speed"} and found["tbl:b"] == {"accelerator"} and found["3"] == {"speed", "accelerator"}


@pytest.mark.parametrize(
    "setting",
    [
        "first, second = speed, runs",
        "first, second = (measurements.load(name, profile) for name in ('speed', 'maps'))",
    ],
)
def test_names_that_are_set_together_carry_their_own(setting):
    shown = 'document.table(first, "tbl:first")\ndocument.table(second, "tbl:second")'
    found = flows(LOADED, setting, shown)
    assert found["tbl:first"] == {"speed"} and found["tbl:second"] == ({"runs"} if "runs" in setting else {"maps"})


def test_every_measurement_and_benchmark_of_the_report_is_behind_something():
    found = {name for chapter in chapter_files.names() for flow in _of(chapter).values() for name in flow} | set(data_flow.APPENDICES)
    assert {*measurements.NAMES, *comparisons.NAMES} <= found
    files = [*(paths.ROOT / "reports" / "measurements").iterdir(), *(paths.ROOT / "reports" / "benchmarks").iterdir()]
    assert {file.stem.removesuffix("_repeats") for file in files} <= set(data_flow.STORED)


def test_what_is_behind_a_place_of_the_report():
    assert data_flow.behind("s04_complexity", "12", "fig:complexity-time", "full") == (["complexity"], False)
    assert data_flow.behind("s08_evaluation", "35", "tbl:evaluation-statistics", "full") == ([], False)  # the images themselves
    assert data_flow.behind("03_vgg16", "1", "text", "full") == ([], True)
    assert data_flow.behind("tripod_ai", "1", "tbl:tripod-ai", "full") == (["tripod_ai"], False)


def _of(chapter):
    return data_flow._flows(chapter_files.source(chapter).read_text(encoding="utf-8"))
