"""The console script `cxr`. Heavy modules are imported by the command that needs them, so that --help answers at once."""

import dataclasses
import errno
import os
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cxr_helpers.base import environment
from cxr_helpers.base.progress import say, since
from cxr_helpers.errors import CxrError

app = typer.Typer(
    help="Pneumonia or normal on chest radiographs: the steps of the report, one by one.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Profile = Annotated[str, typer.Option(help="full (real images), smoke (synthetic images) or auto")]
_ROOM = "make room on that disk, or set CXR_BUILD_DIR to a folder on another one"
_RIGHT = "make the folder writable, or set CXR_BUILD_DIR (and --out, where the command has it) to one that is"
REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _ROOM),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _RIGHT),
}
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def main() -> None:
    """Run the command line; an expected error is one sentence and exit status 1."""
    environment.speak_utf8()
    try:
        app(prog_name="cxr")
    except CxrError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror}; {REMEDIES[error.errno]}. The same command goes on from what was finished.")


def _fail(sentence: str) -> NoReturn:
    print(f"cxr: {sentence}", file=sys.stderr)
    raise SystemExit(1) from None


@app.callback()
def _settle() -> None:
    environment.settle()


@app.command()
def report(
    profile: Profile = "auto",
    retrain: Annotated[bool, typer.Option("--retrain", help="train afresh although records exist")] = False,
    cores: Annotated[int | None, typer.Option(min=1, help="processor cores to use (default: all)")] = None,
    only: Annotated[str | None, typer.Option(help="one chapter, by number or name")] = None,
) -> None:
    """Make the whole report, doing only what is out of date (what run_all.sh calls)."""
    from cxr_helpers.workflow import pipeline

    pipeline.run(profile, retrain, cores, only)


@app.command(context_settings=PASS_ON, add_help_option=False)
def test(arguments: Annotated[list[str] | None, typer.Argument(help="arguments for pytest")] = None) -> None:
    """Run the tests with pytest: all of them in two processes, or what the arguments say."""
    from cxr_helpers import paths

    os.chdir(paths.ROOT)
    arguments = arguments or ["--numprocesses", "2", "--dist", "worksteal"]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])


@app.command()
def prepare(profile: Profile = "auto") -> None:
    """Find or fetch the images and build their manifest."""
    from cxr_helpers.data import manifest
    from cxr_helpers.workflow import pipeline

    profile = pipeline.choose(profile)
    images, refused = manifest.load(profile), manifest.refused(profile)
    say(f"prepare: {len(images):,} images, {len(refused)} files left out, profile {profile}")


@app.command()
def train(
    systems: Annotated[list[str], typer.Argument(metavar="SYSTEM...", help="systems of cxr_helpers/experiments.toml")],
    profile: Profile = "auto",
    seed: Annotated[int | None, typer.Option(help="one seed instead of the system's own")] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="train afresh although a record exists")] = False,
) -> None:
    """Make the runs of systems, one per protocol and seed; a run whose record exists is left as it is.

    Where its ImageNet weights cannot be had, the runs that stand in for it (`fallback`) are made instead.
    """
    from cxr_helpers import experiments
    from cxr_helpers.data import dataset
    from cxr_helpers.models import weights

    profile = dataset.resolve_profile(profile)
    for experiment in [experiments.get(system, profile) for system in systems]:
        way, *instead = [_seeded(way, seed) for way in experiment.ways]
        try:
            _make(experiment.name, way, profile, retrain)
        except weights.Unavailable as error:
            if not instead:
                raise
            say(f"{error} Going on with what stands in for it.")
            _make(experiment.name, *instead, profile, retrain)


def _seeded(configs, seed: int | None):
    """Return the configurations as they are, or the first of each protocol with another seed."""
    if seed is None:
        return configs
    return tuple(dict.fromkeys(dataclasses.replace(config, seed=seed) for config in configs))


def _make(system: str, configs, profile: str, retrain: bool) -> None:
    """Make the runs that have no record yet."""
    from cxr_helpers import records

    for config in configs:
        label = f"train {system}, {config.protocol}, seed {config.seed}"
        if not retrain and records.load(config, profile):
            say(f"{label}: record {config.run_id} is there")
            continue
        from cxr_helpers.training import fit_or_load

        say(f"{label}: begins")
        started = time.monotonic()
        fit_or_load.train(config, profile, retrain=retrain)
        say(f"{label}: {config.run_id} in {since(started)}")


@app.command()
def matrix(
    systems: Annotated[list[str] | None, typer.Argument(metavar="SYSTEM...", help="instead of all that wait for one")] = None,
    profile: Profile = "auto",
    side_by_side: Annotated[int, typer.Option(min=1, help="runs at once on the accelerator")] = 1,
    minutes: Annotated[float, typer.Option(help="after which no further run begins")] = 1440,
) -> None:
    """Train on an accelerator what waits for one; KERAS_BACKEND says whether by TensorFlow, JAX or PyTorch."""
    from cxr_helpers import experiments
    from cxr_helpers.data import dataset
    from cxr_helpers.training import matrix as training_matrix

    profile = dataset.resolve_profile(profile)
    chosen = [experiments.get(name, profile) for name in systems] if systems else training_matrix.systems(profile)
    training_matrix.run(chosen, profile, side_by_side, minutes)


@app.command()
def search(
    system: Annotated[str, typer.Argument(help="a system of experiments.toml that searches, as search_random")],
    profile: Profile = "auto",
) -> None:
    """Take part in a system's hyper-parameter search until all its trials are made.

    Any number of processes or jobs that see the same build folder share the trials; `cxr train` then takes the best.
    """
    from cxr_helpers import experiments
    from cxr_helpers.data import dataset
    from cxr_helpers.extras.makers import search as searching

    profile, started = dataset.resolve_profile(profile), time.monotonic()
    config = experiments.get(system, profile).configs[0]
    if not config.search:
        raise CxrError(f"System {system!r} searches nothing; its `config` in experiments.toml has no `search`.")
    found = searching.study(config, profile)
    say(f"search {system}: {len(found)} trials in {since(started)}")


@app.command("new-experiment")
def begin(
    name: Annotated[str, typer.Argument(help="of the system, as my_idea")],
    like: Annotated[str, typer.Option(help="the system of experiments.toml that it starts from")] = "mobilenetv2_finetuned",
) -> None:
    """Begin an experiment: a row of experiments.toml, copied from another, and a chapter that sets the two side by side."""
    from cxr_helpers import experiments
    from cxr_helpers.extras import new_experiment

    chapter, path = new_experiment.create(name, like)
    say(f"new-experiment: row [{name}] in {experiments.FILE}, chapter {path}")
    say(f"change its `config`, then `cxr train {name}` and `cxr execute {chapter}`")


@app.command()
def measure(
    name: Annotated[str, typer.Argument(help="one of benchmarks/measurements.py, as speed")],
    profile: Profile = "auto",
) -> None:
    """Measure what is no training run; for times (candidates, complexity, deployment, ...) leave the machine alone."""
    from cxr_helpers.data import dataset
    from cxr_helpers.extras.benchmarks import measurements

    started = time.monotonic()
    path = measurements.measure(name, dataset.resolve_profile(profile))
    say(f"measure {name}: {path} in {since(started)}")


@app.command()
def bench(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="of benchmarks/comparisons.py, or all")],
    profile: Profile = "auto",
    afresh: Annotated[bool, typer.Option("--afresh", help="time again what is there")] = False,
) -> None:
    """Time two ways of doing the same side by side, as reports/benchmarks/NAME.json; the machine should do nothing else."""
    from cxr_helpers.data import dataset
    from cxr_helpers.extras.benchmarks import comparisons

    profile = dataset.resolve_profile(profile)
    for name in comparisons.NAMES if names == ["all"] else names:
        started = time.monotonic()
        path = comparisons.run(name, profile, afresh)
        say(f"bench {name}: {comparisons.load(name, profile)['ratio_median']:.3g} times, {path} in {since(started)}")


@app.command()
def deploy(profile: Profile = "auto") -> None:
    """Write the deployed model: a network of the published one in 8-bit integers, with its card."""
    from cxr_helpers.data import dataset
    from cxr_helpers.extras.inference import artefact

    path = artefact.make(dataset.resolve_profile(profile))
    say(f"deploy: {path}, {path.stat().st_size / 1e6:.2f} MB")


@app.command("measure-maps")
def measure_maps(
    profile: Profile = "auto",
    afresh: Annotated[bool, typer.Option("--afresh", help="measure again what is stored")] = False,
) -> None:
    """Measure all explanation methods beside controls; a stopped call goes on where it was."""
    from cxr_helpers.data import dataset
    from cxr_helpers.extras.saliency import measuring

    started = time.monotonic()
    path = measuring.measure(dataset.resolve_profile(profile), afresh)
    say(f"measure-maps: {path} in {since(started)}")


@app.command()
def rescore(
    systems: Annotated[list[str], typer.Argument(metavar="SYSTEM...", help="systems of cxr_helpers/experiments.toml")],
    profile: Profile = "auto",
    seed: Annotated[int | None, typer.Option(help="one seed instead of all")] = None,
) -> None:
    """Score the adult images of CXR_EXTERNAL_DIR and corrupted test images with a system's saved models; what is stored stays."""
    from cxr_helpers import experiments, records
    from cxr_helpers.data import dataset
    from cxr_helpers.training import rescoring

    profile, started = dataset.resolve_profile(profile), time.monotonic()
    if seed is None:
        chosen = [run for system in systems for run in records.of(system, profile)]
    else:
        chosen = [run for system in systems for run in records.of_seed(experiments.get(system, profile), seed, profile)]
    for run in chosen:
        rescoring.rescore(run, profile)
        say(f"rescore: {run.run_id}, after {since(started)}")


@app.command()
def runs(profile: Profile = "auto") -> None:
    """List the run records of a profile."""
    import pandas as pd

    from cxr_helpers import paths, records
    from cxr_helpers.data import dataset

    profile = dataset.resolve_profile(profile)
    found = records.every(profile)
    if not found:
        raise CxrError(f"{paths.runs(profile)} holds no run records; ./run_all.sh --profile {profile} makes them.")
    rows = [
        {
            "run": record.run_id,
            "start": record.info["initialisation"],
            "device": record.info["device"],
            "pixels": record.info["pixels"],
            "epochs": record.epochs,
            "minutes": record.info["wall_time_s"] / 60,
        }
        for record in found
    ]
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.1f"))


@app.command()
def execute(
    chapter: Annotated[str, typer.Argument(help="a chapter's number or name")],
    profile: Profile = "auto",
) -> None:
    """Execute one chapter; the executed notebook goes to the build folder."""
    from cxr_helpers.data import dataset
    from cxr_helpers.workflow import chapter_files, execution

    started = time.monotonic()
    chapter = chapter_files.find(chapter)
    path = execution.execute(chapter, dataset.resolve_profile(profile))
    say(f"chapter {chapter}: {since(started)}, {path}")


@app.command()
def render(profile: Profile = "auto") -> None:
    """Render the executed chapters as one web page and one PDF."""
    from cxr_helpers.data import dataset
    from cxr_helpers.report import rendering

    started = time.monotonic()
    for path in rendering.render(dataset.resolve_profile(profile)):
        say(f"render: {path}, {path.stat().st_size / 1e6:.1f} MB, after {since(started)}")


@app.command(context_settings={"ignore_unknown_options": True})
def trace(
    number: Annotated[str, typer.Argument(help="as the report writes it, such as 0.982 or 5,856")],
    profile: Profile = "auto",
) -> None:
    """Tell where the report shows a number, and which records, configurations, commands and data are behind it."""
    from cxr_helpers.data import dataset
    from cxr_helpers.report import trace as tracing

    for line in tracing.trace(number, dataset.resolve_profile(profile)):
        print(line)


@app.command()
def verify(
    profile: Profile = "auto",
    cores: Annotated[int, typer.Option(min=1, help="chapters to execute side by side")] = 2,
) -> None:
    """Compute every number of the report anew from the stored records, in a copy, and list those that differ.

    All chapters are executed: some four minutes on two free cores. Images and variables must be those the report was made with.
    """
    from cxr_helpers.data import dataset
    from cxr_helpers.report import verify as verification

    differing = verification.verify(dataset.resolve_profile(profile), cores)
    for sentence in differing:
        print(sentence)
    if differing:
        raise CxrError(f"The report is not what its records give: {len(differing)} differences, listed above.")


@app.command()
def publish(
    system: Annotated[str | None, typer.Argument(help="a system of experiments.toml instead of the final model")] = None,
    profile: Profile = "auto",
) -> None:
    """Make the final model, or a system's run that is best on validation, the one of `cxr predict`, and learn its warnings."""
    from cxr_helpers import records
    from cxr_helpers.data import dataset, manifest, packing
    from cxr_helpers.extras.inference import out_of_distribution, published_model
    from cxr_helpers.tables import candidates, results

    profile = dataset.resolve_profile(profile)
    if system:
        run = results.best_on_validation(records.of(system, profile))
    else:
        run = candidates.choose(candidates.systems(profile), profile)
    folder = published_model.publish(run, profile, results.thresholds([run])[0])
    train = manifest.load(profile).folder == "train"
    out_of_distribution.store(out_of_distribution.learn(packing.load(profile, out_of_distribution.SIDE)[train]), folder)
    say(f"publish: {run.run_id} in {folder}")


@app.command()
def predict(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE...", help="chest X-rays: 8-bit JPEG or PNG, or DICOM; with --table also folders"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the heat maps (default: heatmaps; with --table none)")] = None,
    model: Annotated[Path | None, typer.Option(help="folder of another published model")] = None,
    table: Annotated[
        Path | None, typer.Option(help="write a table (.csv or .parquet) of any number of images; goes on if stopped")
    ] = None,
    check: Annotated[bool, typer.Option(help="with --table: warn of what is no frontal chest radiograph")] = True,
    listed: Annotated[Path | None, typer.Option("--list", help="with --table: a text file of one path a line")] = None,
) -> None:
    """Predict class and probability of images and draw heat maps, with a warning for what is no image. Not for clinical use.

    With --table the arguments may be files, folders or patterns in quotation marks; a file that is no image costs one row.
    """
    from cxr_helpers.extras.inference import bulk

    named, started = bulk.Files(files or [], listed), time.monotonic()
    if table:
        rows, failed = bulk.write(named, table, model, out, check)
        say(f"predict: {table}, {rows:,} files, {failed:,} of them without an answer (column problem), {since(started)}")
    elif named.many:
        raise CxrError("Folders, patterns and lists go into a table: add --table results.csv.")
    elif not files:
        raise CxrError("No image is named; give files, or with --table folders, patterns or --list FILE.")
    else:
        _predict_few(files, model, out or Path("heatmaps"))


def _predict_few(files: list[Path], model: Path | None, out: Path) -> None:
    """Print the answers; the first fault is the command's, after all other files were answered."""
    from cxr_helpers.extras.inference import predict as prediction

    answers = prediction.predict(files, model, out)
    found = prediction.table(answers)
    if len(found):
        print(found.to_string(index=False, float_format="%.3f"))
    for answer in answers:
        if answer.warning:
            print(f"cxr: warning: {answer.warning}", file=sys.stderr)
    problems = [answer.problem for answer in answers if answer.problem]
    if problems:
        raise CxrError("\n     ".join(problems))


@app.command()
def score(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="folder with NORMAL/ and PNEUMONIA/, or CSV of path,label")],
    out: Annotated[Path | None, typer.Option(help="CSV file for the score of every image")] = None,
    model: Annotated[Path | None, typer.Option(help="folder of another published model")] = None,
) -> None:
    """Score your own labelled images with the published model: every metric with its 95 % interval over patients."""
    from cxr_helpers.base.files import atomic_write, check_file
    from cxr_helpers.evaluation import metrics
    from cxr_helpers.extras.other_sets import own_set

    if out:
        check_file(out)
    scores, threshold, problems = own_set.score(source, model)
    if out:
        atomic_write(out, scores.to_csv(index=False, lineterminator="\n"))
    found = metrics.evaluate(scores, threshold).rename(index=metrics.TITLES)
    print(f"{len(scores):,} images, {int(scores.y_true.sum()):,} of PNEUMONIA; PNEUMONIA is called from {threshold:.3f} on")
    print(found.to_string(float_format="%.3f"))
    if problems:
        raise CxrError("\n     ".join(problems))


@app.command("import")
def import_images(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="folder with NORMAL/ and PNEUMONIA/, or CSV of path,label")],
    to: Annotated[Path, typer.Argument(metavar="FOLDER", help="a new folder, for CXR_DATA_DIR")],
) -> None:
    """Make a set to train on of your own labelled images (JPEG, PNG or DICOM): grey PNG files named by numbers, nothing else."""
    from cxr_helpers.extras.other_sets import own_set

    print(own_set.store(source, to).to_string())


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(metavar="IMAGE", help="a chest X-ray: 8-bit JPEG or PNG, or DICOM")],
    methods: Annotated[str, typer.Option(help="methods with commas between them, or all")] = "gradcam,shap_partition",
    out: Annotated[Path, typer.Option(help="the page, in a folder that exists")] = Path("explanation.html"),
    target: Annotated[str, typer.Option(help="what the maps explain: PNEUMONIA, NORMAL or predicted")] = "predicted",
    model: Annotated[Path | None, typer.Option(help="folder of another published model")] = None,
) -> None:
    """Write one page with an image's prediction and its heat maps, each method with its scale. Not for clinical use."""
    from cxr_helpers.explain.methods import METHODS
    from cxr_helpers.extras.saliency import explain_page

    names = list(METHODS) if methods == "all" else methods.split(",")
    say(f"explain: {explain_page.write(file, names, out, target, model)}")


if __name__ == "__main__":
    main()
