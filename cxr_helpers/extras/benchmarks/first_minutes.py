"""How long a newcomer waits: the first commands, timed one after the other, each in a process of its own."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cxr_helpers import paths
from cxr_helpers.base import environment, lazy
from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import say
from cxr_helpers.data import image_files
from cxr_helpers.data.preprocessing import prepared
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import harness

measured_on = lazy.module("cxr_helpers.extras.makers.measured_on")
predict = lazy.module("cxr_helpers.extras.inference.predict")
synthetic = lazy.module("cxr_helpers.extras.other_sets.synthetic")
cv2 = lazy.module("cv2")

NAME = "first_minutes"
IMAGES, REPEATS = 256, 5  # images of a table; repeats of what takes seconds, of which the least counts
BULK = 0.95  # the share of the network's own rate that a table shall reach
_DATA = ("CXR_DATA_DIR", "CXR_GEOMETRY", "CXR_SETS_DIR", "CXR_EXTERNAL_DIR", "CXR_SAMPLE_DIR", "CXR_WEIGHTS_DIR")
_CXR = [sys.executable, "-P", "-m", "cxr_helpers"]
_SCRIPT = ["bash", str(paths.ROOT / "run_all.sh")]
_TABLE = [*_CXR, "predict", "{images}", "--table", "{table}", "--overwrite"]


@dataclasses.dataclass(frozen=True)
class Command:
    """A command and the seconds that are its goal; {image}, {images}, {table} and {maps} stand for paths.

    It is run `repeats` times and ends with `status`. Of a `table` the seconds are those of one image, start left out; without a
    `goal` it is measured against the network alone. `real`: needs the real set; the others see no data.
    """

    command: list[str]
    goal: float | None
    repeats: int = 1
    table: bool = False
    real: bool = False
    status: int = 0


# In this order: the first makes the reader's environment, which those of run_all.sh then use.
COMMANDS = {
    "set-up for a reader": Command([*_SCRIPT, "--profile", "smoke", "--only", "none"], 40, status=1),  # no chapter has that name
    "run_all.sh --profile smoke --only 01, after set-up": Command([*_SCRIPT, "--profile", "smoke", "--only", "01"], 60),
    "run_all.sh --profile smoke, after set-up": Command([*_SCRIPT, "--profile", "smoke"], 240),
    "run_all.sh --profile full, after set-up: thesis and supplement": Command([*_SCRIPT, "--profile", "full"], 300, real=True),
    "cxr predict of one image, cold": Command([*_CXR, "predict", "{image}", "--out", "{maps}"], 2.5, REPEATS),
    "cxr predict --table with heat maps, an image": Command([*_TABLE, "--out", "{maps}"], 1 / 20, REPEATS, table=True),
    "cxr predict --table, an image": Command(_TABLE, None, REPEATS, table=True),
}


def measure(profile: str) -> Path:
    """Time the commands and return reports/benchmarks/first_minutes.json: a list of what, seconds, goal, machine, load, revision.

    Environment and build folder are new ones; that nothing else is there yet, a fresh clone has to see to. The goal of a table
    is the time of the network alone, on images in memory, over `BULK`. The set-up's row has the environment's megabytes, too.

    Raises:
        CxrError: a command fails.
    """
    rows, about = [], {"machine": measured_on.about()["machine"], "revision": environment.revision()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _draw(folder)
        for what, command in COMMANDS.items():
            if command.real and "CXR_DATA_DIR" not in os.environ:
                say(f"bench {NAME}: {what}: left out, because CXR_DATA_DIR is not set")
                continue
            load = round(os.getloadavg()[0], 2)
            seconds = min(_seconds(command, folder) for _ in range(command.repeats))
            goal = _network_alone(folder) / BULK if command.goal is None else command.goal
            row = {"what": what, "seconds": round(seconds, 4), "goal": round(goal, 4), "load_before": load} | about
            if not rows:
                files = (file for file in (folder / "environment").rglob("*") if file.is_file() and not file.is_symlink())
                row["megabytes"] = round(sum(file.stat().st_size for file in files) / 2**20)
            say(f"bench {NAME}: {what}: {seconds:.4g} s (goal {goal:.4g} s, load {load})")
            rows.append(row)
    path = paths.reports(profile) / "benchmarks" / f"{NAME}.json"
    atomic_write(path, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    return path


def _draw(folder: Path) -> None:
    """Write synthetic images: one into one/, the others into images/."""
    for place in range(IMAGES):
        path = folder / ("images" if place else "one") / f"{place}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), synthetic.image(place, "NORMAL").image)


def _seconds(command: Command, folder: Path) -> float:
    """Run a command and return its seconds; of a table those of an image: its seconds less those of a table of one image."""
    spent = _run(command, command.command, folder)
    if not command.table:
        return spent
    one = [part.replace("{images}", "{one}") for part in command.command]
    return (spent - _run(command, one, folder)) / (IMAGES - 2)


def _run(command: Command, parts: list[str], folder: Path) -> float:
    names = {name: str(folder / name) for name in ("images", "one", "maps")}
    given = [part.format(image=folder / "one" / "0.png", table=folder / "table.csv", **names) for part in parts]
    variables = {name: value for name, value in os.environ.items() if command.real or name not in _DATA}
    variables |= {"CXR_BUILD_DIR": str(folder / "build"), "CXR_VENV": str(folder / "environment")}
    started = time.perf_counter()
    done = subprocess.run(given, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != command.status:
        raise CxrError(f"{' '.join(given)} failed: {done.stderr.strip()[-300:]}")
    return time.perf_counter() - started


def _network_alone(folder: Path) -> float:
    """Return the seconds that the network takes for one of many images in memory, the least of `REPEATS`."""
    predictor = predict.Predictor()
    files = sorted((folder / "images").iterdir())[: predict.BATCH]
    batch = prepared([image_files.read(path).pixels for path in files], predictor.card.size, predictor.card.variant)
    predictor.network(batch)
    return min(harness.seconds(lambda: predictor.network(batch)) for _ in range(4 * REPEATS)) / len(batch)
