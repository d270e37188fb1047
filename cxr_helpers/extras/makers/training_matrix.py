"""The training matrix: all runs that wait for an accelerator, several side by side in processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from cxr_helpers import experiments, records
from cxr_helpers.base.progress import say, since
from cxr_helpers.config import Config
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.experiments import Experiment
from cxr_helpers.training import rescoring, run_environment

NEEDS = "an accelerator"  # how the `waits_for` of such an experiment begins
RESCORED = "08_final_model"  # the chapter whose experiments are ranked on corrupted images


def waiting(profile: str) -> list[Experiment]:
    """Return the experiments that wait for an accelerator, in the order of experiments.toml."""
    names = [row.name for row in experiments.load("full").values() if row.waits_for.startswith(NEEDS)]
    return [experiments.get(name, profile) for name in names]


def run(chosen: Iterable[Experiment], profile: str, side_by_side: int, minutes: float) -> None:
    """Train what has no record yet: the first seed of every experiment, then the second, and so on.

    A process costs an accelerator little where networks are small, since the time goes into starting steps. After `minutes`
    no further run begins. Records are kept as they come, so that a stopped matrix goes on with what is missing.

    Raises:
        CxrError: runs failed; the sentence names them.
    """
    chosen, started = list(chosen), time.monotonic()
    every = [(place, row, config) for row in chosen for place, config in enumerate(row.configs)]
    jobs = sorted((job for job in every if _left(*job[1:], profile)), key=lambda job: job[0])
    for size in sorted({config.size for _, _, config in jobs}):
        packing.load(profile, size)  # once, not in every process

    shared = os.environ | ({run_environment.SIDE_BY_SIDE: str(side_by_side)} if side_by_side > 1 else {})

    def work(job: tuple[int, Experiment, Config]) -> str | None:
        _, row, config = job
        label = f"{row.name}, seed {config.seed}"
        if time.monotonic() - started > 60 * minutes:
            return f"{label} (no time left)"
        begun = time.monotonic()
        commands = ["train"] + ["rescore"] * (row.chapter == RESCORED)
        for command in commands:
            call = [*_cxr(command), row.name, "--profile", profile, "--seed", str(config.seed)]
            if subprocess.run(call, env=shared, check=False).returncode:
                return label
        say(f"matrix: {label} in {since(begun)}")
        return None

    with ThreadPoolExecutor(side_by_side) as pool:
        left = [label for label in pool.map(work, jobs) if label]
    say(f"matrix: {len(jobs) - len(left)} of {len(jobs)} runs in {since(started)}")
    if left:
        raise CxrError(f"Not trained: {'; '.join(left)}. The same command goes on with them.")


def _left(row: Experiment, config: Config, profile: str) -> bool:
    """Tell whether a run has no record, or lacks the scores of corrupted images that it is ranked on."""
    record = records.load(config, profile)
    return not record or (row.chapter == RESCORED and not record.has(rescoring.VALIDATION))


def _cxr(command: str) -> list[str]:
    return [sys.executable, "-P", "-m", "cxr_helpers.cli", command]
