"""Figures of the evaluation show the side, the size and the certainty of what they are given."""

import pandas as pd
import pytest

from cxr_helpers.extras.plots import evaluation_plots as drawings


@pytest.fixture
def pair():
    row = {"experiment": "mobilenetv2 a", "against": "vgg16 b"}
    row |= {"auc": 0.1, "auc_holm": 0.01, "accuracy": -0.05, "accuracy_holm": 0.2}
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["mobilenetv2 a", "vgg16 b"], {(0, 1): "−.050", (1, 0): "−.100"}),  # row minus column: b minus a in AUC
        (["vgg16 b", "mobilenetv2 a"], {(0, 1): "+.050", (1, 0): "+.100"}),
    ],
)
def test_a_difference_is_row_minus_column_and_bold_if_it_holds(pair, names, expected):
    ax = drawings.pair_matrix(pair, names).axes[0]
    written = {(int(text.get_position()[1]), int(text.get_position()[0])): text for text in ax.texts}
    assert {place: text.get_text() for place, text in written.items()} == expected
    assert written[1, 0].get_weight() == "bold" and written[0, 1].get_weight() == "normal"
