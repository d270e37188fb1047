"""From a number back to its places and to what is behind them: the final model first, then sentences, tables and figures."""

import decimal
import json

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from tiny_chapters import chapter, shown
from tiny_chapters import workplace as project

from cxr_helpers import paths, records
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.report import trace
from cxr_helpers.report import document
from cxr_helpers.tables import final_model

RUN = "reports/smoke/runs/vgg16-official-s0-12345678/run.json"


def curve():
    fig, ax = plt.subplots()
    ax.plot([0, 0.5, 1], [0.1, 0.98888, 1], label="net")
    return shown(document.figure, fig, "fig:curve", caption="A curve.", alt="A curve")


@pytest.fixture
def report(monkeypatch, tmp_path):
    """The data of a report of one chapter, and of its final model."""
    frame = pd.DataFrame({"model": ["vgg16", "resnet50"], "AUC": [0.98912, 0.95], "images": [624, 5856]})
    table = shown(document.table, frame, "tbl:auc", caption="Areas.", digits=2)
    for output in table.outputs:
        output.metadata["cxr"]["sources"] = {RUN: "12"}
    cells = chapter("One", curve(), table, shown(document.text, "An AUC of **0.989** on 5,856 images."))
    project(monkeypatch, tmp_path)(**{"01_one": cells})
    scores = pd.DataFrame([["a", "p", "test", 1, 0.9]], columns=records.SCORE_COLUMNS)
    record = records.write(Config(model="mobilenet"), "smoke", {"data_hash": "5e7"}, {"scores": scores})
    paths.tables("smoke").mkdir(parents=True)
    stored = {"run_id": record.run_id, "official_test": {"auc": 0.9893929, "auc_ci": [0.9828, 0.9943]}}
    (paths.tables("smoke") / final_model.FILE).write_text(json.dumps(stored))
    return record


def test_the_final_model_comes_first_then_how_often_else_and_from_what(report):
    lines = list(trace.trace("0.989", "smoke"))
    assert lines[0] == "The final model's official_test auc is 0.9893929 (reports/smoke/tables/final_model.json)."
    assert report.run_id in lines[1] and lines[2].endswith("run.json, data 5e7")
    assert lines[4] == "0.989 stands in 3 places of the smoke report:"
    assert lines[5:] == [
        "  01_one, cell 4, text: An AUC of **0.989** on 5,856 images.",
        "  01_one, cell 3, tbl:auc, row 'vgg16', column 'AUC': 0.98912",
        "  01_one, cell 2, fig:curve, row 'panel 1 · line · net', column 'y': 0.98888",
        "01_one read 1 stored results: sources-01_one.json beside its data",
    ]


def test_a_bound_of_the_final_models_interval_is_found_too(report):
    assert "official_test auc_ci is 0.9828" in next(trace.trace("0.983", "smoke"))


@pytest.mark.parametrize("number", ["5,856", "5856"])
def test_thousands_are_read_with_and_without_commas(report, number):
    assert next(trace.trace(number, "smoke")) == f"{number} stands in 2 places of the smoke report:"


@pytest.mark.parametrize(("number", "complaint"), [("VGG-16", "is no number"), ("0.123", "shows 0.123 nowhere")])
def test_what_is_no_number_or_nowhere_is_told(report, number, complaint):
    with pytest.raises(CxrError, match=complaint):
        list(trace.trace(number, "smoke"))


@pytest.mark.parametrize(
    ("text", "wanted", "same"),
    [
        ("0.98939", "0.989", True),
        ("0.9885", "0.989", False),
        ("0.98", "0.989", False),
        ("\u22120.012", "-0.012", True),
        ("1.5e\u221205", "0.000015", True),
        ("624", "624", True),
        ("624.4", "624", True),
    ],
)
def test_what_rounds_to_a_number(text, wanted, same):
    assert trace.rounds_to(text, decimal.Decimal(wanted)) == same
