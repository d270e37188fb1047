"""How long a newcomer waits: the first commands, timed one after the other, each in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cxr_helpers import paths
from cxr_helpers.base import lazy
from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.training import run_environment

measured_on = lazy.module("cxr_helpers.extras.makers.measured_on")
synthetic = lazy.module("cxr_helpers.extras.other_sets.synthetic")
cv2 = lazy.module("cv2")

NAME = "first_minutes"
REPEATS = 5  # of what takes seconds; the least of them counts
SCRIPT = ["bash", str(paths.ROOT / "run_all.sh")]
_CXR = [sys.executable, "-P", "-m", "cxr_helpers"]
# What -> (command, seconds that are the goal, repeats); {image} is a synthetic radiograph, {maps} a folder.
COMMANDS = {
    "cxr predict of one image, cold": ([*_CXR, "predict", "{image}", "--out", "{maps}"], 2.5, REPEATS),
    "run_all.sh --profile smoke --only 01, after set-up": ([*SCRIPT, "--profile", "smoke", "--only", "01"], 60, 1),
    "run_all.sh --profile smoke, after set-up": ([*SCRIPT, "--profile", "smoke"], 240, 1),
}


def measure(profile: str) -> Path:
    """Time the commands and return reports/benchmarks/first_minutes.json: a list of what, seconds, goal, machine, load, revision.

    The build folder is a new one; that nothing else is there yet, a fresh clone has to see to.

    Raises:
        CxrError: a command fails.
    """
    rows, about = [], {"machine": measured_on.about()["machine"], "revision": run_environment.revision()}
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.png"
        cv2.imwrite(str(image), synthetic.image(0, "NORMAL").image)
        names = {"image": str(image), "maps": str(Path(folder) / "maps")}
        for what, (command, goal, repeats) in COMMANDS.items():
            load, given = round(os.getloadavg()[0], 2), [each.format(**names) for each in command]
            seconds = min(_seconds(given, str(Path(folder) / "build")) for _ in range(repeats))
            say(f"bench {NAME}: {what}, {seconds:.1f} s (goal {goal} s, load {load})")
            rows.append({"what": what, "seconds": round(seconds, 2), "goal": goal, "load_before": load} | about)
    path = paths.reports(profile) / "benchmarks" / f"{NAME}.json"
    atomic_write(path, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    return path


def _seconds(command: list[str], build: str) -> float:
    environment = os.environ | {"CXR_BUILD_DIR": build, "CXR_PROFILE": "smoke"}
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CxrError(f"{' '.join(command)} failed: {done.stderr.strip()[-300:]}")
    return time.perf_counter() - started
