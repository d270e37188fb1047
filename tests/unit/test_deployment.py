"""Small networks on their way to being deployed: split, pruned, described; and what the chapter says of them."""

import dataclasses
import hashlib
import json

import keras
import numpy as np
import pandas as pd
import pytest
from tiny_models import SIDE, detector

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import compression, export_measurements
from cxr_helpers.extras.inference import artefact, backends, pruning
from cxr_helpers.extras.plots import deployment_plots as drawings
from cxr_helpers.extras.tables import deployment_tables
from cxr_helpers.models import joined
from cxr_helpers.report import table_cells

IMAGES = np.random.default_rng(0).integers(0, 256, (6, SIDE, SIDE, 1)).astype("float32")


def test_a_joined_network_comes_apart_into_its_own():
    members = [detector(bias=bias) for bias in (0.0, 1.0, -1.0)]
    for member, part in zip(members, joined.parts(joined.joined(members, 2.0)), strict=True):
        assert part.predict_on_batch(IMAGES) == pytest.approx(member.predict_on_batch(IMAGES), abs=1e-6)
    assert joined.parts(members[0]) == [members[0]]


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(8, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((SIDE, SIDE, 1)), *layers])


def test_pruning_zeroes_the_smallest_weights_of_each_kernel_and_no_depthwise_one():
    keras.utils.set_random_seed(0)
    depthwise = keras.layers.DepthwiseConv2D(3)
    whole = keras.Sequential([keras.Input((SIDE, SIDE, 1)), keras.layers.Conv2D(8, 3), depthwise, *network().layers[1:]])
    cut = pruning.prune(whole, 0.5)
    for before, after in zip(whole.get_weights(), cut.get_weights(), strict=True):
        if before.ndim == 1 or before.shape == depthwise.kernel.shape:
            np.testing.assert_array_equal(before, after)
        else:
            assert (after == 0).mean() == pytest.approx(0.5, abs=0.07)
            assert np.abs(before[after == 0]).max() < np.abs(before[after != 0]).min()
    assert pruning.compressed_bytes(cut) < pruning.compressed_bytes(whole)


def test_zeros_stay_when_a_pruned_network_is_trained_on():
    cut = pruning.prune(network(), 0.7)
    zero = [each == 0 for each in cut.get_weights()]
    before = cut.get_weights()[0]
    cut.compile("adam", "binary_crossentropy")
    cut.fit(IMAGES, np.array([0, 1, 0, 1, 0, 1.0])[:, None], verbose=0, callbacks=[pruning.KeepZeros(cut)])
    assert all((each[mask] == 0).all() for each, mask in zip(cut.get_weights(), zero, strict=True) if each.ndim > 1)
    assert not np.array_equal(before, cut.get_weights()[0])


CARD = artefact.Card(2_500_000, "", "openvino", "int8", 128, "none", "run", "0" * 64, 1.5, 0.8, {
    split: {
        "roc_auc": [0.99, 0.98, 1.0],
        "difference_to_float32": [-0.001, -0.004, 0.002],
        "difference_to_final_model": [-0.003, -0.006, 0.0],
    }
    for split in ("val", "test")
})  # fmt: skip


def test_a_missing_or_altered_deployed_file_is_a_sentence(tmp_path):
    with pytest.raises(CxrError, match="deployed.json does not exist.*cxr deploy"):
        artefact.load(tmp_path)
    assert artefact.card(tmp_path, missing_ok=True) is None
    card = dataclasses.asdict(CARD) | {"sha256": hashlib.sha256(b"network").hexdigest()}
    (tmp_path / artefact.CARD).write_text(json.dumps(card))
    with pytest.raises(CxrError, match="deployed.onnx does not exist"):
        artefact.load(tmp_path)
    (tmp_path / artefact.FILE).write_bytes(b"another")
    with pytest.raises(CxrError, match="SHA-256 differs"):
        artefact.load(tmp_path)
    (tmp_path / artefact.CARD).write_text("{}")
    with pytest.raises(CxrError, match="is not the description of a deployed model"):
        artefact.load(tmp_path)


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
        **{"net|keras|float32, 50 % zero": rng.normal(0, 1, 120), "bytes|net|0": 4e6, "bytes|net|0.5": 2e6},
    )


def costs() -> pd.DataFrame:
    quantities = {export_measurements.LATENCY: 2.0, export_measurements.TAIL: 3.0, export_measurements.RATE: 500.0, export_measurements.MEMORY: 80.0}
    quantities |= {export_measurements.BYTES: 2e6, export_measurements.PARAMETERS: 2e6, export_measurements.OPERATIONS: 1e8}
    keys = [("net", "keras", "float32", 4), ("net", "openvino", "int8", 1)]
    rows = [(0, *key, name, value * factor) for *key, factor in keys for name, value in quantities.items()]
    return export_measurements.figures(pd.DataFrame(rows, columns=["round", *export_measurements.KEYS, "quantity", "value"]))


def test_tables_hold_costs_aucs_and_paired_differences():
    aucs = compression.figures(scores())
    table = deployment_tables.exported(costs(), aucs)
    assert table["ms, one image"].tolist() == [8, 2] and table["MB"].tolist() == [8, 2]
    found = aucs.set_index("figure").value
    assert table["AUC, val"].tolist() == [found[f"net|{way}: AUC, val"] for way in ("keras|float32", "openvino|int8")]
    gap = found["net|openvino|int8: AUC, test"] - found["net|keras|float32: AUC, test"]
    assert table["difference, test (95 % CI)"].tolist() == pytest.approx([np.nan, gap], nan_ok=True)
    assert table_cells.formatted(table)["difference, test (95 % CI)"].iloc[1].startswith(table_cells.written(f"{gap:+.4f} ("))
    pruned = deployment_tables.pruned(aucs)
    assert pruned[["zero weights", "trained further", "MB, compressed"]].values.tolist() == [[0.5, "no", 2]]
    curve = deployment_tables.pruning_curve(aucs)
    assert curve[curve.split == "val"].share.tolist() == [0.0, 0.5]
    val = curve[curve.split == "val"].sort_values("share")
    assert [deployment_tables.held(val, limit, val.value.iloc[0])[0] for limit in (0.002, 1)] == [0, 0.5]
    exports = deployment_tables.pareto(costs(), aucs)
    assert "int8" in set(deployment_tables.front(exports).precision)
    assert len(drawings.pareto(exports, backends.TITLES).axes) == len(drawings.pruning(curve).axes) == 2


def test_an_engine_on_which_8_bits_lose_is_named_beside_the_claim():
    aucs = compression.figures(scores())
    name = "net|openvino|int8: difference, test"
    found = []
    for low, high in ((-0.03, 0.001), (-0.03, -0.01)):
        table = aucs.copy()
        table.loc[table.figure == name, ["ci_low", "ci_high"]] = low, high
        found.append(deployment_tables.losing(table).engine.tolist())
    assert found == [[], ["openvino"]]


def test_a_missing_export_is_named():
    table = costs()
    assert deployment_tables.absent(table) == []
    other = table.assign(figure=table.figure.str.replace("net,", "other,"))[lambda found: ~found.figure.str.contains("int8")]
    assert deployment_tables.absent(pd.concat([table, other], ignore_index=True)) == [("other", "openvino", "int8")]


@pytest.mark.parametrize(("timed", "missed_by"), [(None, np.nan), ((20.0, ""), 5), ((90.0, "of another file"), np.nan)])
def test_goals_tell_what_is_met_missed_and_not_timed(monkeypatch, timed, missed_by):
    latency = timed and {"ratio_median": timed[0], "deployed_sha256": timed[1]}
    monkeypatch.setattr(deployment_tables.stored_results, "benchmark", lambda *_, **__: latency)
    found = deployment_tables.goals(CARD, "full").missed_by
    assert found.tolist() == pytest.approx([2.5 - 3, missed_by, -0.001, -0.001, 0.001, 0.001], nan_ok=True)
