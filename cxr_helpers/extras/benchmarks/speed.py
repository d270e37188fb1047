"""What an image costs each network in time, measured side by side, so that the documents' claims on speed can be judged."""

import dataclasses
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers.base import lazy
from cxr_helpers.base.progress import say
from cxr_helpers.config import Config
from cxr_helpers.extras.benchmarks import harness
from cxr_helpers.extras.networks import programs
from cxr_helpers.extras.networks.programs import PROGRAMS
from cxr_helpers.tables import statistics

keras = lazy.module("keras")
catalogue = lazy.module("cxr_helpers.models.catalogue")

STEP = 32  # images a batch, as in the thesis' progress lines
TRAINING_IMAGES, TEST_IMAGES = 5216, 624  # of the thesis' folders
FROZEN, ALL = "backbone frozen", "all layers"
TRAINED = {"VGG-16": (FROZEN,), "ResNet-50": (FROZEN, ALL), "MobileNet": (FROZEN, ALL), "MobileNetV2": (FROZEN, ALL)}
LIGHT, HEAVY = "MobileNetV2", ("VGG-16", "ResNet-50")
N_BOOT = 2000

# Column -> what follows the network's name in a figure's.
_SHOWN = {
    "ms an image, batch of 32": f"ms per image, batch {STEP}",
    "ms an image, alone": "ms per image, batch 1",
    "s a test": f"{TEST_IMAGES} test images (s)",
    "s an epoch, backbone frozen": f"epoch of {TRAINING_IMAGES:,} images, {FROZEN} (s)",
    "s an epoch, all layers": f"epoch of {TRAINING_IMAGES:,} images, {ALL} (s)",
}


SIDE, ROUNDS = {"full": 224, "smoke": 32}, {"full": 7, "smoke": 3}
STAND_IN = {"smoke": "custom_cnn"}  # for every network


def measure(profile: str) -> pd.DataFrame:
    """Return one row per round, network and task with its value: seconds, or MB (10**6 bytes) of the "saved model".

    All networks stand ready in one process and take turns (`harness.rounds`).
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many graphs in one process, which are meant here
    works, sizes = {}, {}
    for network in PROGRAMS:
        say(f"speed: {network} is built")
        passes, sizes[network] = _passes(_config(network, profile))
        works |= {(network, task): work for task, work in passes.items()}
        for layers in TRAINED[network]:
            works[network, f"training step, {layers}"] = _training(_config(network, profile, layers))
    times = harness.rounds(works, ROUNDS[profile], "speed")
    saved = [(place, network, "saved model", size) for place in range(ROUNDS[profile]) for network, size in sizes.items()]
    return pd.concat([times, pd.DataFrame(saved, columns=times.columns)], ignore_index=True)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return every figure with its 95 % interval: figure, value, ci_low, ci_high.

    A figure is computed from the medians over rounds; its interval from `N_BOOT` resamples of the rounds (percentile
    bootstrap, Efron and Tibshirani 1993), the same rounds for every network, so that ratios are paired.
    """
    times = repeats.pivot(index="round", columns=["network", "task"], values="value")
    drawn = np.random.default_rng(0).integers(len(times), size=(N_BOOT, len(times)))
    medians = np.vstack([np.median(times, axis=0), np.median(times.to_numpy()[drawn], axis=1)])
    table = _derived(pd.DataFrame(medians, columns=times.columns))
    low, high = np.percentile(table[1:], (2.5, 97.5), axis=0)
    return pd.DataFrame({"figure": table.columns, "value": table.iloc[0].to_numpy(), "ci_low": low, "ci_high": high})


def _derived(medians: pd.DataFrame) -> pd.DataFrame:
    """Return the figures by name, one row per row of `medians` (columns network, task)."""
    found = {}
    for network in PROGRAMS:
        step = medians[network, f"forward pass of {STEP}"]
        found[f"{network}, ms per image, batch {STEP}"] = 1000 * step / STEP
        found[f"{network}, ms per image, batch 1"] = 1000 * medians[network, "forward pass of 1"]
        found[f"{network}, test step of {STEP} (s)"] = step
        found[f"{network}, {TEST_IMAGES} test images (s)"] = step * TEST_IMAGES / STEP
        for layers in TRAINED[network]:
            epoch = medians[network, f"training step, {layers}"] * TRAINING_IMAGES / STEP
            found[f"{network}, epoch of {TRAINING_IMAGES:,} images, {layers} (s)"] = epoch
        found[f"{network}, saved model (MB)"] = medians[network, "saved model"]
    return pd.DataFrame(found | _ratios(medians))


def _ratios(medians: pd.DataFrame) -> dict[str, pd.Series]:
    """Return what the documents claim of one network against another."""
    found = {}
    for heavy in HEAVY:
        for batch, name in ((STEP, ""), (1, ", one image at a time")):
            saved = 1 - medians[LIGHT, f"forward pass of {batch}"] / medians[heavy, f"forward pass of {batch}"]
            found[f"inference time saved against {heavy}{name}"] = saved
    vgg16, resnet50 = medians["VGG-16"], medians["ResNet-50"]
    found["VGG-16 over ResNet-50, test time"] = vgg16[f"forward pass of {STEP}"] / resnet50[f"forward pass of {STEP}"]
    for layers in TRAINED["ResNet-50"]:
        ratio = vgg16[f"training step, {FROZEN}"] / resnet50[f"training step, {layers}"]
        found[f"VGG-16 over ResNet-50, training time, ResNet-50 with {layers}"] = ratio
    return found


def table(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network: size of the saved model, and the times of `_SHOWN`, each with its interval."""
    found, rows = figures.set_index("figure"), []
    for network in PROGRAMS:
        row = {"network": network, "saved model (MB)": found.value[f"{network}, saved model (MB)"]}
        for title, name in _SHOWN.items():
            given = f"{network}, {name}" in found.index
            row |= statistics.columns(title, found.loc[f"{network}, {name}"] if given else None)
        rows.append(row)
    return statistics.shown_as(rows, dict.fromkeys(_SHOWN, _written) | {"saved model (MB)": 1})


def _written(value: float) -> str:
    return "{:,.0f}" if value >= 100 else "{:#.3g}"


def _config(network: str, profile: str, layers: str = ALL) -> Config:
    config = PROGRAMS[network]
    trainable = "head" if layers == FROZEN else "all"
    return dataclasses.replace(config, model=STAND_IN.get(profile, config.model), size=SIDE[profile], trainable=trainable)


def _passes(config: Config) -> tuple[dict[str, Callable], float]:
    """Return the forward passes of a network that was saved and loaded, and the size of its file in MB (10**6 bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        catalogue.build(config)[0].save(file)
        network, megabytes = keras.saving.load_model(file, compile=False), file.stat().st_size / 1e6
    images, _ = programs.images(network, STEP)
    works = {f"forward pass of {count}": lambda count=count: network.predict_on_batch(images[:count]) for count in (STEP, 1)}
    return works, megabytes


def _training(config: Config) -> Callable:
    """Return one training step on `STEP` images, as the network's document has it."""
    program = programs.build(config)
    images, labels = programs.images(program, STEP)
    return lambda: program.train_on_batch(images, labels)
