"""The commands of `cxr` beyond the steps of the report: test, measure, publish, trace and verify; `image_commands` has others."""

import os
import sys
import time
from typing import Annotated

import typer

from cxr_helpers import paths
from cxr_helpers.base import lazy
from cxr_helpers.base.progress import say, since
from cxr_helpers.errors import CxrError
from cxr_helpers.extras import image_commands
from cxr_helpers.workflow.pipeline import Profile

pd = lazy.module("pandas")
manifest = lazy.module("cxr_helpers.data.manifest")
packing = lazy.module("cxr_helpers.data.packing")
records = lazy.module("cxr_helpers.records")
stored_results = lazy.module("cxr_helpers.base.stored_results")
rescored = lazy.module("cxr_helpers.extras.makers.rescored")
candidates = lazy.module("cxr_helpers.tables.candidates")
final_model = lazy.module("cxr_helpers.tables.final_model")
selection = lazy.module("cxr_helpers.tables.selection")
rescoring = lazy.module("cxr_helpers.training.rescoring")
comparisons = lazy.module("cxr_helpers.extras.benchmarks.comparisons")
first_minutes = lazy.module("cxr_helpers.extras.benchmarks.first_minutes")
measurements = lazy.module("cxr_helpers.extras.benchmarks.measurements")
elsewhere = lazy.module("cxr_helpers.extras.inference.elsewhere")
lungs = lazy.module("cxr_helpers.extras.inference.lungs")
out_of_distribution = lazy.module("cxr_helpers.extras.inference.out_of_distribution")
published_model = lazy.module("cxr_helpers.extras.inference.published_model")
readings_maker = lazy.module("cxr_helpers.extras.makers.readings")
tracing = lazy.module("cxr_helpers.extras.report.trace")
verification = lazy.module("cxr_helpers.extras.report.verify")
measuring = lazy.module("cxr_helpers.extras.saliency.measuring")

_commands = typer.Typer()


def add(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(_commands)
    app.add_typer(image_commands.commands)


@_commands.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def test(arguments: Annotated[list[str] | None, typer.Argument(help="arguments for pytest")] = None) -> None:
    """Run the tests with pytest: those of units and notebooks in two processes, or what the arguments say."""
    os.chdir(paths.ROOT)
    arguments = arguments or ["tests/unit", "tests/notebooks", "--numprocesses", "2", "--dist", "worksteal"]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])


@_commands.command()
def runs(profile: Profile = "auto") -> None:
    """List the run records of a profile."""
    found = records.every(profile)
    if not found:
        raise CxrError(f"{paths.runs(profile)} holds no run records; ./run_all.sh --profile {profile} makes them.")
    rows = [
        {"run": record.run_id, "start": record.info["initialisation"], "device": record.info["device"]}
        | {"pixels": record.info["pixels"], "minutes": record.info["wall_time_s"] / 60}
        for record in found
    ]
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.1f"))


@_commands.command()
def publish(
    name: Annotated[str | None, typer.Argument(metavar="EXPERIMENT", help="one instead of the final model")] = None,
    profile: Profile = "auto",
) -> None:
    """Make the final model, or an experiment's best run, the one of `cxr predict`; a segmenter goes beside it."""
    if name and (run := records.of(name, profile)[0]).config.model == "unet":
        say(f"publish: {run.run_id} as {lungs.publish(run, profile)}")
        return
    if name:
        run = selection.best_on_validation(records.of(name, profile))
    else:
        run = candidates.choose(candidates.made(profile), profile)
    folder = published_model.publish(run, profile, selection.thresholds([run])[0])
    train = manifest.load(profile).folder == "train"
    out_of_distribution.store(out_of_distribution.learn(packing.load(profile, out_of_distribution.SIDE)[train]), folder)
    say(f"publish: {run.run_id} in {folder}")


@_commands.command()
def rescore(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[EXPERIMENT]...", help="of experiments.toml; none: the final model")
    ] = None,
    profile: Profile = "auto",
    seed: Annotated[int | None, typer.Option(min=0, help="one seed instead of all")] = None,
    nih: Annotated[bool, typer.Option("--nih", help="NIH's images as well, which the final model always scores")] = False,
) -> None:
    """Score adult and corrupted images with saved models, the final one also other hospitals' images; what is stored stays."""
    started = time.monotonic()
    if not names and (run := final_model.chosen(profile)):
        elsewhere.rescore(run, profile)
        say(f"rescore: {run.run_id}, after {since(started)}")
    for name in names or []:
        for run in records.of(name, profile, seed):
            rescored.rescore(run, profile)
            if nih:
                elsewhere.rescore(run, profile, [rescoring.NIH])
            say(f"rescore: {run.run_id}, after {since(started)}")


@_commands.command()
def readings(
    name: Annotated[str, typer.Argument(metavar="CLAIM", help="one of reports/readings.toml, as rahman")],
    profile: Profile = "auto",
) -> None:
    """Train every reading of what a source document leaves open; a stopped call goes on where it was."""
    started = time.monotonic()
    say(f"readings {name}: {len(readings_maker.make(name, profile))} in {since(started)}")


@_commands.command()
def measure(
    name: Annotated[str, typer.Argument(help="one of benchmarks/measurements.py, as speed")], profile: Profile = "auto"
) -> None:
    """Measure what is no training run; for times (complexity, deployment, speed, ...) leave the machine alone."""
    started = time.monotonic()
    say(f"measure {name}: {measurements.measure(name, profile)} in {since(started)}")


@_commands.command("measure-maps")
def measure_maps(profile: Profile = "auto") -> None:
    """Measure all saliency methods beside controls; a stopped call goes on where it was."""
    started = time.monotonic()
    say(f"measure-maps: {measuring.measure(profile)} in {since(started)}")


@_commands.command()
def bench(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="of benchmarks/comparisons.py, all, or first_minutes")],
    profile: Profile = "auto",
) -> None:
    """Time two ways of doing the same side by side, as reports/benchmarks/NAME.json; the machine should do nothing else."""
    for name in comparisons.NAMES if names == ["all"] else names:
        started = time.monotonic()
        if name == "first_minutes":  # no comparison, but what a newcomer waits for
            say(f"bench {name}: {first_minutes.measure(profile)} in {since(started)}")
            continue
        path = comparisons.run(name, profile)
        say(f"bench {name}: {stored_results.benchmark(name, profile)['ratio_median']:.3g} times, {path} in {since(started)}")


@_commands.command(context_settings={"ignore_unknown_options": True})
def trace(
    number: Annotated[str, typer.Argument(help="as the report writes it, such as 0.982 or 5,856")], profile: Profile = "auto"
) -> None:
    """Tell where the report shows a number, and which records, configurations, commands and data are behind it."""
    for line in tracing.trace(number, profile):
        print(line)


@_commands.command()
def verify(
    profile: Profile = "auto", cores: Annotated[int, typer.Option(min=1, help="chapters to execute side by side")] = 2
) -> None:
    """Compute every number of the report anew from the stored records, and list those that differ.

    All chapters are executed: some four minutes on two free cores. Images and variables must be those the report was made with.
    """
    differing = verification.verify(profile, cores)
    for sentence in differing:
        print(sentence)
    if differing:
        raise CxrError(f"The report is not what its records give: {len(differing)} differences, listed above.")
