"""From a configuration to a run record, the one door to a result: a record that is there is read, what has none is trained."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path

from cxr_helpers import paths, records
from cxr_helpers.base import environment, lazy, plugins, progress
from cxr_helpers.config import Config
from cxr_helpers.data import preprocessing
from cxr_helpers.experiments import Experiment
from cxr_helpers.records import Product, Record

keras = lazy.module("keras")
network = lazy.module("cxr_helpers.training.network")
weights = lazy.module("cxr_helpers.models.weights")


def train(config: Config, profile: str, retrain: bool = False) -> Record:
    """Return the record of `config`, making it where none exists or `retrain` asks for it."""
    record = None if retrain else records.load(config, profile)
    return record or _made(config, profile, _maker(config))


def fit_or_load(experiment: Experiment, profile: str, build: Callable[[Config], keras.Model] | None = None) -> list[Record]:
    """Return the records of an experiment, one per protocol and seed, training what a chapter's parameters changed.

    What no record answers for is trained, an epoch a line, and kept under the build folder (`paths.scratch_runs`). `build`
    gives a network of the reader's own in place of the experiment's (see `network.built`).

    Raises:
        CxrError: nothing was changed and there is no complete record, a variant is unknown, or `build` returns no such model.
    """
    if not experiment.changes and build is None:
        return records.of(experiment.name, profile)
    for config in experiment.configs:
        preprocessing.described(config.variant)  # an unknown variant is named before any image is read
    found, store = [], paths.scratch_runs(profile)
    for config in experiment.configs:
        make = _maker(config)
        if build is not None:
            config, model = network.built(config, build)
            make = functools.partial(network.make, model=model)
        record = records.load(config, profile) or records.load(config, profile, store)
        if record is None:
            progress.say(f"{config.run_id}: no record answers for it, so that it is trained, for at most {config.epochs} epochs")
            record = _made(config, profile, make, store)
        found.append(record)
    return found


def _made(config: Config, profile: str, make: Callable[[Config, str], Product], store: Path | None = None) -> Record:
    """Make a run and store its record, by default among those of the profile; a wrong weight file is refused first."""
    if config.start == "imagenet":
        weights.find(config.features or config.model)
    started = time.perf_counter()
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    try:
        said, tables = make(config, profile)
    finally:
        keras.config.set_dtype_policy("float32")
    info = {"profile": profile} | said | environment.current()
    info |= {"wall_time_s": round(time.perf_counter() - started, 1), "peak_memory_mb": round(environment.peak_memory())}
    return records.write(config, profile, info, tables, store)


def _maker(config: Config) -> Callable[[Config, str], Product]:
    """Return what makes a configuration's run: the extras make what is no network of `models`."""
    if config.search or config.data != "kermany":
        return plugins.load("makers", "search" if config.search else "other_set")
    return plugins.load("makers", config.model) if config.model in plugins.names("makers") else network.make
