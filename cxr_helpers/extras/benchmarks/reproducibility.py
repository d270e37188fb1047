"""What the same network scores, and the same training gives, in another process, on other threads, backends and devices.

Every way has a process of its own, since threads and backend are fixed at its start. What is compared is P(PNEUMONIA).
"""

import dataclasses
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers import experiments, records
from cxr_helpers.base import environment, lazy
from cxr_helpers.base.progress import say
from cxr_helpers.config import Config
from cxr_helpers.data import manifest, packing, splits
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import harness
from cxr_helpers.extras.inference import published_model
from cxr_helpers.tables import selection
from cxr_helpers.training import rescoring, run_environment

keras = lazy.module("keras")
fitting = lazy.module("cxr_helpers.training.fitting")
network = lazy.module("cxr_helpers.training.network")
saved = lazy.module("cxr_helpers.training.saved")

TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
NETWORK = "published model, official test images"
TRAININGS = {  # what is trained → the experiment, its changes, what it is called
    "head": ("mobilenet_official", {}, "a head trained on the same stored features, all images"),
    "whole": ("custom_cnn_thesis", {"size": 64, "epochs": 2}, "all layers of a small network trained for two epochs, all images"),
}
_SHOWN = {"median": "median difference"}
_WAYS = {"again": {}, "one thread": {"OMP_NUM_THREADS": "1"}}  # → environment variables


def measure(profile: str) -> pd.DataFrame:
    """Return one row per image and way: what is computed, way, image_id, y_score here, y_score that way, threshold.

    Backends that are not installed are left out; so are runs of other devices whose network is not on this machine.
    """
    _alone("head", profile)  # stores the features
    asked = {"network": (NETWORK, _WAYS | _other_backends())}
    asked |= {what: (title, _WAYS) for what, (*_, title) in TRAININGS.items()}
    parts = []
    for what, (title, ways) in asked.items():
        usual = _alone(what, profile)
        for way, variables in ways.items():
            say(f"reproducibility: {title}, {way}")
            parts.append(_pairs(title, way, usual, _alone(what, profile, **variables)))
    return pd.concat([*parts, *_made_elsewhere(profile)], ignore_index=True)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return for each way the images, the median and largest |difference of a score|, and how many images change class."""
    names, found = ("images", "median", "largest", "change class"), {}
    for key, part in repeats.groupby(["what", "way"], sort=False):
        values = harness.differences(part.here, part.there, part.threshold).values()
        found |= {"|".join([*key, name]): value for name, value in zip(names, values, strict=True)}
    return harness.exact(found)


def table(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row per way: scores of what, computed how, images, median and largest difference, images that change class."""
    rows: dict[tuple, dict] = {}
    for figure, value in figures[["figure", "value"]].itertuples(index=False):
        what, way, name = figure.split("|")
        row = rows.setdefault((what, way), {"scores of": what, "computed": way})
        row[_SHOWN.get(name, name)] = f"{value:.0e}" if name in ("median", "largest") and value else int(value)
    return pd.DataFrame(rows.values())


def _other_backends() -> dict[str, dict[str, str]]:
    others = [name for name in TITLES if name != keras.backend.backend() and importlib.util.find_spec(name)]
    return {TITLES[name]: {"KERAS_BACKEND": name} for name in others}


def _alone(what: str, profile: str, **variables: str) -> pd.DataFrame:
    """Return image_id, y_score and threshold as a process of its own computes them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores.csv"
        command = [sys.executable, "-P", "-m", __spec__.name, what, profile, str(out)]
        done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CxrError(f"Scores by {variables or 'a new process'} failed: {done.stderr.strip().splitlines()[-1]}")
        return pd.read_csv(out, dtype={"image_id": str})


def _pairs(what: str, way: str, here: pd.DataFrame, there: pd.DataFrame) -> pd.DataFrame:
    both = here.merge(there[["image_id", "y_score"]], on="image_id", suffixes=("", "_there"), validate="one_to_one")
    columns = {"y_score": "here", "y_score_there": "there"}
    return both.rename(columns=columns).assign(what=what, way=way)[["what", "way", "image_id", "here", "there", "threshold"]]


def _made_elsewhere(profile: str) -> list[pd.DataFrame]:
    """Return the pairs of runs whose record another kind of device made and whose network is on this machine."""
    device, parts = run_environment.current()["device"], []
    for experiment in experiments.load(profile).values():
        for run in records.of(experiment.name, profile) if records.recorded_way(experiment, profile) else ():
            if run.info.get("device", device) == device or not records.model_path(profile, run.run_id).is_file():
                continue
            known = run.split("test") if "scores" in run.names else pd.DataFrame()
            if len(known):
                way = f"recorded by {TITLES[run.info['backend']]} on {run.info['device']}"
                say(f"reproducibility: {run.run_id}, {way}")
                here = _scored(saved.of_run(run, profile), run.config, known.image_id, selection.thresholds([run])[0], profile)
                parts.append(_pairs(f"{experiment.name}, seed {run.config.seed}", way, here, known))
    return parts


def _scored(model, config: Config | published_model.Card, ids: pd.Series, threshold: float, profile: str) -> pd.DataFrame:
    """Return image_id, y_score and threshold of images, in batches of 32."""
    pixels, score = packing.images(profile, ids, config.size, config.variant), rescoring.of_model(model, config)
    parts = [score(pixels[start : start + 32]) for start in range(0, len(pixels), 32)]
    return pd.DataFrame({"image_id": ids, "y_score": np.concatenate(parts), "threshold": threshold})


def _scores(what: str, profile: str) -> pd.DataFrame:
    """Return image_id, y_score and threshold of the network or of one of `TRAININGS`, in this process."""
    if what == "network":
        model, card = published_model.load(published_model.folder(profile))
        images = manifest.load(profile).merge(splits.load(profile, "official")[["image_id", "split"]], on="image_id")
        return _scored(model, card, images.image_id[images.split == "test"], card.threshold, profile)
    experiment, changes, _ = TRAININGS[what]
    config = dataclasses.replace(experiments.get(experiment, profile).configs[0], **changes)
    keras.utils.set_random_seed(config.seed)
    task, _ = network.prepare(config, profile)
    return task.table[["image_id"]].assign(y_score=fitting.fit(task).y_score, threshold=0.5)


if __name__ == "__main__":
    environment.settle()
    _scores(sys.argv[1], sys.argv[2]).to_csv(sys.argv[3], index=False)
