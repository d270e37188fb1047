"""From a number back to its places and to what is behind them; every expected line follows from tiny records."""

import hashlib

import pandas as pd
import pytest

from cxr_helpers import paths, records
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.experiments import Experiment
from cxr_helpers.report import ledger, origins, trace

CONFIG = Config(model="mobilenet", seed=2, start="imagenet")
ROWS = [
    ("06_comparison", "11", "tbl:systems", "small_net", "ROC AUC", "0.981 (0.970–0.992)"),
    ("06_comparison", "23", "text", "an AUC of", "", "0.9814"),
    ("06_comparison", "23", "text", "and a specificity of", "", "0.98"),
    ("01_eda", "7", "text", "Read here:", "", "5,856"),
    ("01_eda", "8", "text", "a difference of", "", "−0.981"),
]


@pytest.fixture
def report(monkeypatch, tmp_path):
    """A report whose one system is small_net, reported by chapter 06_comparison, with one record."""
    monkeypatch.setattr(paths, "reports", lambda profile: tmp_path)
    scores = pd.DataFrame([["a", "p", "test", 1, 0.9]], columns=records.SCORE_COLUMNS)
    info = {"data_hash": "17df89", "git_revision": "abc1234", "finished": "2026-11-21"}
    records.write(CONFIG, "full", info, {"scores": scores})
    systems = {"small_net": Experiment("small_net", "Small network", "06_comparison", "", (CONFIG,))}
    monkeypatch.setattr(origins, "recorded", lambda profile: systems)
    ledger.write(pd.DataFrame(ROWS, columns=ledger.COLUMNS), "full")


def test_exact_places_come_first_then_those_that_round_to_the_number():
    numbers = pd.DataFrame(ROWS, columns=ledger.COLUMNS)
    assert list(trace.places("0.981", numbers).text) == ["0.981 (0.970–0.992)", "0.9814"]
    assert list(trace.places("0.98", numbers).text) == ["0.98", "0.981 (0.970–0.992)", "0.9814"]
    assert list(trace.places("0.992", numbers).text) == ["0.981 (0.970–0.992)"]


def test_a_value_comes_before_the_bound_of_an_interval():
    rows = [("a", "1", "tbl:a", "x", "y", text) for text in ("0.5 (0.4–0.6)", "0.6", "0.61")]
    numbers = pd.DataFrame(rows, columns=ledger.COLUMNS)
    assert list(trace.places("0.6", numbers).text) == ["0.6", "0.5 (0.4–0.6)", "0.61"]


def test_a_number_may_be_written_with_or_without_its_separators_and_signs():
    numbers = pd.DataFrame(ROWS, columns=ledger.COLUMNS)
    assert list(trace.places("5856", numbers).text) == list(trace.places("5,856", numbers).text) == ["5,856"]
    assert list(trace.places("-0.981", numbers).text) == ["−0.981"]


def test_fewer_digits_do_not_count_as_the_number():
    assert trace.places("0.980", pd.DataFrame(ROWS, columns=ledger.COLUMNS)).text.tolist() == ["0.98"]


def test_behind_a_number_stand_record_configuration_command_and_data(report):
    lines = list(trace.trace("0.981", "full"))
    assert lines[0] == "0.981 stands in 2 places of the full report:"
    assert "06_comparison, cell 11, tbl:systems, row 'small_net', column 'ROC AUC': 0.981 (0.970–0.992)" in lines[1]
    assert lines[2].strip() == "from small_net"
    text = "\n".join(lines)
    assert "command  cxr train small_net --profile full" in text
    assert "config   model = 'mobilenet', start = 'imagenet'" in text
    assert f"runs/{CONFIG.run_id}/run.json" in text and "data 17df89" in text and "revision abc1234" in text


def test_a_number_that_no_system_made_says_so(report):
    lines = list(trace.trace("5,856", "full"))
    assert lines[2].strip().startswith("from no run record")  # chapter 01 reads none, and no system is named
    assert len(lines) == 3


def test_a_measured_number_leads_to_file_digest_and_command(report, tmp_path):
    row = ("s04_complexity", "16", "tbl:speed", "VGG-16", "forward", "134.3")
    ledger.write(pd.DataFrame([row], columns=ledger.COLUMNS), "full")
    (tmp_path / "measurements").mkdir()
    (tmp_path / "measurements" / "speed.csv").write_text("figure,value,ci_low,ci_high\n")
    lines = list(trace.trace("134.3", "full"))
    assert lines[2].strip() == "from measurements/speed.csv"
    assert "  command  cxr measure speed --profile full" in lines
    assert lines[-1].endswith(f"sha256 {hashlib.sha256((tmp_path / 'measurements' / 'speed.csv').read_bytes()).hexdigest()}")
    assert not any("small_net" in line for line in lines)  # its chapter reads no runs


def test_a_run_that_a_row_names_is_found_by_its_name(report):
    row = ("run_records", "1", "tbl:run-records", CONFIG.run_id, "Epochs", "17")
    ledger.write(pd.DataFrame([row], columns=ledger.COLUMNS), "full")
    assert list(trace.trace("17", "full"))[2].strip() == "from small_net"


def test_many_places_are_counted(report):
    ledger.write(pd.DataFrame([ROWS[3]] * 30, columns=ledger.COLUMNS), "full")
    assert "  and 6 more; more digits name fewer places." in list(trace.trace("5856", "full"))


@pytest.mark.parametrize(("number", "sentence"), [("0.123", "shows 0.123 nowhere"), ("many", "'many' is no number")])
def test_an_unknown_number_is_one_sentence(report, number, sentence):
    with pytest.raises(CxrError, match=sentence):
        list(trace.trace(number, "full"))
