"""The one door to a result: `train(config, profile)` leaves a run record, whatever kind of system it is."""

import importlib
import time

import keras

from cxr_helpers import records
from cxr_helpers.base import processes
from cxr_helpers.config import Config
from cxr_helpers.training import accelerators, run_environment

# The module whose `make(config, profile) -> Product` makes a model that is no network of `models`.
MAKERS = {
    **dict.fromkeys(("decision_tree", "random_forest", "svm", "logistic", "rvfl", "elm", "schmidt"), "extras.makers.classical"),
    "ensemble": "training.ensemble",
    "calibrated": "training.calibrated",
    "soup": "extras.makers.soup",
    "cascade": "extras.makers.cascade",
    "unet": "extras.makers.segmentation",
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
        product = importlib.import_module(f"cxr_helpers.{maker(config)}").make(config, profile)
    finally:
        keras.config.set_dtype_policy("float32")
    info = {"profile": profile} | product.info | run_environment.current()
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
        return "extras.makers.search"
    if config.data != "kermany":
        return "extras.makers.other_set_runs"
    return MAKERS.get(config.model, "training.network")
