"""What exports cost and what 8-bit integers do to the AUC, as the chapter on deployment says it."""

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.extras.benchmarks import compression, export_measurements
from cxr_helpers.extras.plots import deployment_plots as drawings
from cxr_helpers.extras.tables import deployment_tables
from cxr_helpers.report import table_cells


def scores() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    y_true = np.tile([0, 1], 60)
    images = pd.DataFrame(
        {"image_id": [f"image_{place}" for place in range(120)], "patient_id": np.arange(120) // 2 % 30 + 100 * y_true}
    )
    return images.assign(
        split=np.repeat(["val", "test"], 60),
        y_true=y_true,
        **{
            "net|keras|float32": 4 * y_true - 2 + rng.normal(0, 1, 120),
            "net|openvino|int8": 4 * y_true - 2 + rng.normal(0, 2, 120),
        },
    )


def costs() -> pd.DataFrame:
    quantities = {
        export_measurements.LATENCY: 2.0,
        export_measurements.TAIL: 3.0,
        export_measurements.RATE: 500.0,
        export_measurements.MEMORY: 80.0,
    }
    quantities |= {export_measurements.BYTES: 2e6, export_measurements.PARAMETERS: 2e6, export_measurements.OPERATIONS: 1e8}
    keys = [("net", "keras", "float32", 4), ("net", "openvino", "int8", 1)]
    rows = [(0, *key, name, value * factor) for *key, factor in keys for name, value in quantities.items()]
    return export_measurements.figures(pd.DataFrame(rows, columns=["round", *export_measurements.KEYS, "quantity", "value"]))


def test_tables_hold_costs_aucs_and_paired_differences():
    aucs = compression.figures(scores())
    table = deployment_tables.exported(costs(), aucs)
    assert table["ms, one image"].tolist() == [8, 2] and table["MB"].tolist() == [8, 2]
    found = aucs.set_index("figure").value
    assert table["AUC, val"].tolist() == [found[f"net, {way}: AUC, val"] for way in ("keras, float32", "openvino, int8")]
    gap = found["net, openvino, int8: AUC, test"] - found["net, keras, float32: AUC, test"]
    assert table["difference, test (95 % CI)"].tolist() == pytest.approx([np.nan, gap], nan_ok=True)
    assert table_cells.formatted(table)["difference, test (95 % CI)"].iloc[1].startswith(table_cells.written(f"{gap:+.4f} ("))
    assert "int8" in set(deployment_tables.front(table).precision)
    assert len(drawings.pareto(table).axes) == 2


def test_the_front_holds_what_no_other_beats():
    rows = [(1, 1, 0.9), (2, 1, 0.9), (2, 1, 0.95), (3, 3, 0.95), (3, 0.5, np.nan)]
    table = pd.DataFrame(rows, columns=[deployment_tables.LATENCY, deployment_tables.MEGABYTES, deployment_tables.AUC])
    assert deployment_tables.front(table).index.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("value", "low", "verdict"), [(-0.001, -0.0015, "holds"), (-0.001, -0.03, "open"), (-0.01, -0.03, "does not hold")]
)
def test_the_claim_on_quantisation_is_judged_by_value_and_interval(value, low, verdict):
    aucs = compression.figures(scores())
    aucs.loc[aucs.figure == "net, openvino, int8: difference, test", ["value", "ci_low"]] = value, low
    assert deployment_tables.int8_losses(aucs).verdict.tolist() == [verdict]
