"""The one door to a result: `train(config, profile)` leaves a run record, whatever kind of system it is."""

import importlib
import time

import keras

from cxr_helpers import processes, provenance, records
from cxr_helpers.config import Config
from cxr_helpers.networks import accelerators

# The module of `systems` whose `make(config, profile) -> Product` makes a model that is no network of `models`.
MAKERS = {
    **dict.fromkeys(("decision_tree", "random_forest", "svm", "logistic", "rvfl", "elm", "schmidt"), "classical"),
    "ensemble": "ensemble",
    "calibrated": "calibrated",
    "soup": "soup",
    "cascade": "cascade",
    "unet": "segmentation",
}


def train(config: Config, profile: str, retrain: bool = False) -> records.Record:
    """Return the record of `config`, making it where none exists or `retrain` asks for it."""
    record = None if retrain else records.load(config, profile)
    if record is not None:
        return record
    started = time.perf_counter()
    processes.forget_peak()  # of the runs before this one
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    try:
        product = importlib.import_module(f"cxr_helpers.systems.{maker(config)}").make(config, profile)
    finally:
        keras.config.set_dtype_policy("float32")
    info = {"profile": profile} | product.info | provenance.current()
    if accelerator_memory := accelerators.peak_memory():
        info["accelerator_peak_memory_mb"] = round(accelerator_memory)
    info |= {
        "wall_time_s": round(time.perf_counter() - started, 1),
        "peak_memory_mb": round(processes.peak_memory()),
    }
    return records.write(config, profile, info, product.tables)


def maker(config: Config) -> str:
    """Return the name of the module that makes a configuration's content."""
    if config.search:
        return "search"
    if config.data != "kermany":
        return "other_sets"
    return MAKERS.get(config.model, "network")
