"""Run the Snakefile: the profile is chosen first, one run at a time has a build folder, the report's paths come last."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cxr_helpers import experiments, paths
from cxr_helpers.base import environment, lazy, plugins
from cxr_helpers.base.progress import say, since
from cxr_helpers.errors import CxrError

psutil = lazy.module("psutil")
dataset = lazy.module("cxr_helpers.data.dataset")
manifest = lazy.module("cxr_helpers.data.manifest")
chapter_files = lazy.module("cxr_helpers.workflow.chapter_files")

# The option --profile of the commands of `cxr`.
_HELP = "full (real images), smoke (synthetic images) or auto"
AskedProfile = Annotated[str, typer.Option("--profile", help=_HELP)]  # as it was given
Profile = Annotated[
    str, typer.Option("--profile", help=_HELP, callback=lambda given: dataset.resolve_profile(given))
]  # "full" or "smoke"


def run(profile: str, retrain: bool = False, cores: int | None = None, only: str | None = None, supplement: bool = False) -> None:
    """Make the thesis, of the real images the supplement too, or with `only` one chapter; only what is out of date is done.

    The arguments are the options of `cxr report`. A parameter or data that cannot be used, another run at work, or a step
    that fails is a CxrError.
    """
    started = time.monotonic()
    chapter = chapter_files.find(only) if only else None
    profile = choose(profile)
    experiments.load(profile)  # whose faults the workflow would only show as its own
    if not (paths.ROOT / "Snakefile").is_file():
        why = "with CXR_ROOT elsewhere the steps are made one by one: cxr train, publish"
        raise CxrError(f"{paths.ROOT} holds no Snakefile, and the whole report is made in a checkout; {why}.")
    for folder in (paths.ROOT, paths.reports(profile)):
        if folder.is_dir() and not os.access(folder, os.W_OK):
            raise CxrError(f"{folder} cannot be written, and the report goes there; make it writable, or work in a copy.")
    with _alone(profile) as lock:
        images = manifest.load(profile)
        say(f"prepare: {len(images):,} images, profile {profile} ({dataset.discover(profile).pixels})")
        shutil.rmtree(markers(profile), ignore_errors=True)
        documents = ["thesis", "supplement"] if supplement or profile == "full" else ["thesis"]
        wanted = f"only={chapter}" if chapter else f"documents={','.join(documents)}"
        command = [
            *(sys.executable, "-m", "snakemake", "--cores", str(cores or environment.cores()), "--scheduler", "greedy"),
            # Its own lock outlives a killed run; the one above does not.
            *("--nolock", "--rerun-incomplete"),
            # A record that is trained now and read next time is the same input: what counts is its content.
            *("--rerun-triggers", "mtime", "code", "params", "--max-checksum-file-size", "20MB"),
            *(["--resources", "accelerator=1"] if shutil.which("nvidia-smi") else []),
            *("--config", f"profile={profile}", f"retrain={int(retrain)}", wanted),
        ]
        _work(command, lock)
    made = [chapter_files.executed(chapter, profile)] if chapter else report_files(profile, documents)
    say(f"done in {since(started)}")
    for path in made:
        print(f"  {path}")


def choose(profile: str) -> str:
    """Return "full" or "smoke"; "auto" takes the real set if it is at hand or can be downloaded, else "smoke".

    A real set that was asked for, or whose folder is given, and that cannot be had is a CxrError.
    """
    resolved = dataset.resolve_profile(profile)
    if resolved == "full" or (profile == "auto" and not os.environ.get("CXR_PROFILE")):
        try:
            plugins.load("sets", "published")()
            return "full"
        except CxrError as error:
            if resolved == "full":
                raise
            say(f"{error} Going on with synthetic images (profile smoke).")
    return resolved


def report_files(profile: str, documents: Sequence[str] = ("thesis", "supplement")) -> list[Path]:
    """Return the documents of the report, each as web page and as PDF."""
    return [paths.reports(profile) / f"{document}.{kind}" for document in documents for kind in ("html", "pdf")]


def markers(profile: str) -> Path:
    """Return the folder in which the workflow marks the experiments that it has trained in this run."""
    return paths.build(profile) / "trained"


@contextlib.contextmanager
def _alone(profile: str) -> Iterator[int]:
    """Yield the descriptor of a lock on the build folder, which ends with the last process that holds it.

    The workflow's process holds it too, so that it outlives a killed parent; filelock keeps its descriptor to itself.
    """
    path = paths.build(profile) / "workflow.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CxrError(f"Another run is making the {profile} report; wait until it ends, or stop it.") from None
        yield handle.fileno()


def _work(command: list[str], lock: int) -> None:
    """Run the workflow, which holds the lock, too; a request to terminate is passed on, and Ctrl-C ends all that it started."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is started now takes that over, and has no say in it
    process = subprocess.Popen([*command, "--quiet", "all"], cwd=paths.ROOT, pass_fds=[lock])
    signal.signal(signal.SIGINT, before)
    asked = []  # to end: then no cause stands above
    signal.signal(signal.SIGTERM, lambda *_: (asked.append(True), process.terminate()))
    try:
        failed = process.wait()
    except KeyboardInterrupt:
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()
        raise
    if asked:
        raise CxrError("Stopped; the same command goes on from here.")
    if failed:
        # A quiet run hides what is wrong with the workflow itself; a failed step has spoken already.
        command = [*command, "--dry-run", "--quiet", "host"]
        trial = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
        if trial.returncode:
            print(trial.stdout + trial.stderr, file=sys.stderr)
        raise CxrError("The report is not finished: the cause stands above; the same command goes on from here.")
