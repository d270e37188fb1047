"""What the exported networks cost: bytes, parameters, operations, time for one image and for many, and memory.

Every row is measured in a process of its own, which imports the one inference backend only (in the smoke profile all in
one, for speed); rounds in random order.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers.base import lazy
from cxr_helpers.base.progress import say
from cxr_helpers.extras.benchmarks import fresh_process, harness
from cxr_helpers.extras.inference import backends, deployed_networks, exports

keras = lazy.module("keras")
operations = lazy.module("cxr_helpers.extras.networks.operations")

BATCH = 32
ROUNDS = {"full": 2, "smoke": 1}
SECONDS = {"full": 1.0, "smoke": 0.05}  # of timing a task, at least
KEYS = ["network", "engine", "precision"]  # engine: the inference backend
LATENCY, TAIL, RATE, MEMORY = "ms, one image", "ms, one image, 95th percentile", "images/s, batches of 32", "peak memory (MB)"
BYTES, PARAMETERS, OPERATIONS = "bytes", "parameters", "multiply-adds"


def measure(profile: str) -> pd.DataFrame:
    """Return one row per round, network, engine, precision and quantity with its value.

    Network files that are missing are made first, in the build folder. A backend that is not installed has no rows.
    """
    rows, works = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for network in deployed_networks.all_of(profile):
            model = network.build()
            whole = Path(folder) / f"{len(works)}.keras"
            model.save(whole, include_optimizer=False)
            known = {PARAMETERS: model.count_params(), OPERATIONS: operations.multiply_adds(model)}
            files = {(backends.KERAS, exports.FLOAT): whole} | exports.files(network, model, profile)
            for (engine, precision), path in files.items():
                key = (network.name, engine, precision)
                works[key] = (str(path), engine, tuple(model.input_shape[1:]), SECONDS[profile])
                rows += [(0, *key, name, value) for name, value in ({BYTES: exports.size(path)} | known).items()]
        rng, keys = np.random.default_rng(0), list(works)
        for place in range(ROUNDS[profile]):
            for key in [keys[chosen] for chosen in rng.permutation(len(keys))]:
                found = _costs(*works[key]) if profile == "smoke" else fresh_process.alone(_costs, *works[key])
                say(f"deployment: round {place + 1}, {', '.join(key)}: {found[LATENCY]:.3g} ms, {found[RATE]:.3g}/s")
                rows += [(place, *key, name, value) for name, value in found.items()]
    return pd.DataFrame(rows, columns=["round", *KEYS, "quantity", "value"])


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return the median over rounds of every quantity, with its range over rounds: figure, value, ci_low, ci_high."""
    groups = repeats.groupby([*KEYS, "quantity"], sort=False).value
    table = groups.agg(value="median", ci_low="min", ci_high="max").reset_index()
    table["figure"] = [f"{', '.join(key)}: {quantity}" for *key, quantity in table[[*KEYS, "quantity"]].itertuples(index=False)]
    return table[harness.COLUMNS]


def apart(figures: pd.DataFrame) -> pd.DataFrame:
    """Return figures ("network, engine, precision: quantity") with their names apart: `KEYS`, quantity, and their values."""
    parts = figures.figure.str.extract(r"^(?P<network>.+), (?P<engine>\w+), (?P<precision>\w+): (?P<quantity>.+)$")
    return parts.join(figures[["value", "ci_low", "ci_high"]])


def by_export(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network, engine and precision (columns `KEYS`) and a column a quantity."""
    table = apart(figures).set_index([*KEYS, "quantity"]).value
    order = table.reset_index()[KEYS].drop_duplicates()
    return order.merge(table.unstack("quantity").reset_index(), on=KEYS)


def _costs(path: str, engine: str, shape: tuple, least: float) -> dict[str, float]:
    """Return times and the rise of the peak memory of this process while it loads and runs a network."""
    meter = fresh_process.Meter()
    images = np.random.default_rng(0).integers(0, 256, (BATCH, *shape)).astype("float32")
    in_keras = engine == backends.KERAS
    run = backends.keras_runner(keras.saving.load_model(path, compile=False)) if in_keras else backends.load(Path(path))
    single, many = _times(lambda: run(images[:1]), least, 10), _times(lambda: run(images), least, 1)
    _, _, memory = meter(lambda: None)
    found = {LATENCY: 1000 * np.median(single), TAIL: 1000 * np.percentile(single, 95)}
    return found | {RATE: BATCH / np.median(many), MEMORY: memory}


def _times(work: Callable, least: float, count: int) -> list[float]:
    """Return the seconds of calls until `least` seconds and `count` calls are over, after two untimed ones, which compile."""
    work(), work()
    found: list[float] = []
    while sum(found) < least or len(found) < count:
        found.append(harness.seconds(work))
    return found
