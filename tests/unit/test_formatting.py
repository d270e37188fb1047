"""Numbers become text at the last step: estimates with their bounds, differences with their sign, what is missing a dash."""

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.tables import formatting


@pytest.mark.parametrize(
    ("estimate", "form", "text"),
    [
        ((0.95, 0.931, 0.967), 3, "0.950 (0.931–0.967)"),
        ((0.012, -0.003, 0.021), 3, "0.012 (-0.003 to 0.021)"),
        ((0.012, 0.003, 0.021), "{:+.3f}", "+0.012 (+0.003 to +0.021)"),
        ((607, 596.31, 616.72), lambda value: 1 if value < 1000 else 0, "607.0 (596.3–616.7)"),
        ((0.5, np.nan, np.nan), "{:.0%}", "50%"),
        ((np.nan, np.nan, np.nan), 3, "–"),
        ((12_345.6, np.nan, np.nan), 0, "12,346"),
    ],
)
def test_an_estimate_stands_with_its_bounds(estimate, form, text):
    assert formatting.estimate(*estimate, form) == text


def test_a_number_may_be_said_in_words():
    def verdict(gap):
        return "missed by {:.3f}" if gap > 0 else "met"

    assert [formatting.number(gap, verdict) for gap in (-0.01, 0.005, np.nan)] == ["met", "missed by 0.005", "–"]
    assert [formatting.p_value(value) for value in (0.0004, 0.0123)] == ["<0.001", "0.012"]


def test_a_table_is_numbers_until_it_is_shown():
    table = pd.DataFrame({"experiment": ["a", "b"], "AUC": [0.9, 0.8], "AUC_low": [0.85, np.nan], "AUC_high": [0.95, np.nan]})
    table = table.assign(difference=[np.nan, -0.1], difference_low=[np.nan, -0.2], difference_high=[np.nan, 0.01], n=[624, 5216])
    table.attrs["digits"] = {"difference": "+"}
    shown = formatting.formatted(table, digits=2)
    assert list(shown) == ["experiment", "AUC", "difference", "n"]
    assert shown.AUC.tolist() == ["0.90 (0.85–0.95)", "0.80"] and shown.n.tolist() == ["624", "5,216"]
    assert shown.difference.tolist() == ["–", "−0.10 (−0.20 to +0.01)"]
    assert formatting.formatted(table, digits={"AUC": "{:.0%}"}).AUC.tolist() == ["90\u00a0% (85\u00a0%–95\u00a0%)", "80\u00a0%"]


def test_a_lone_column_of_that_name_stays_a_column():
    assert list(formatting.formatted(pd.DataFrame({"rate": [1.0], "rate_low": [0.5]}))) == ["rate", "rate_low"]
