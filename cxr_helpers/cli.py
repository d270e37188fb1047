"""The console script `cxr`: the steps of the report; further commands come from the extras (entry points `commands`)."""

import ast
import dataclasses
import errno
import sys
import time
from collections.abc import Iterable
from importlib import metadata
from typing import Annotated, Any

import typer

from cxr_helpers.base import environment, lazy, plugins
from cxr_helpers.base.progress import printable, say, since
from cxr_helpers.config import LARGEST_SEED, check_variables
from cxr_helpers.errors import CxrError
from cxr_helpers.workflow import pipeline
from cxr_helpers.workflow.pipeline import AskedProfile, Profile

experiments = lazy.module("cxr_helpers.experiments")
manifest = lazy.module("cxr_helpers.data.manifest")
records = lazy.module("cxr_helpers.records")
training = lazy.module("cxr_helpers.training")
chapter_files = lazy.module("cxr_helpers.workflow.chapter_files")
execution = lazy.module("cxr_helpers.workflow.execution")
rendering = lazy.module("cxr_helpers.report.rendering")

_ROOM = "make room on that disk, or set CXR_BUILD_DIR to a folder on another one"
_RIGHT = "make the folder writable, or set CXR_BUILD_DIR (and --out, where the command has it) to one that is"
REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _ROOM),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _RIGHT),
}
app = typer.Typer(
    help="Pneumonia or normal on chest radiographs: the steps of the report, one by one.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line; an expected error is one sentence and exit status 1."""
    try:
        app(prog_name="cxr")
        return
    except CxrError as error:
        sentence = str(error)
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        place = f"{error.filename}: " if error.filename else ""
        sentence = f"{place}{error.strerror}; {REMEDIES[error.errno]}. The same command goes on from what was finished."
    print("cxr: " + "\n".join(map(printable, sentence.split("\n"))), file=sys.stderr)
    raise SystemExit(1)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"cxr {metadata.version('cxr-report')}")
        raise typer.Exit


@app.callback()
def _settle(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_show_version, help="show it and end")] = False,
) -> None:
    check_variables()
    environment.settle()


@app.command()
def report(
    profile: AskedProfile = "auto",
    retrain: Annotated[bool, typer.Option("--retrain", help="train afresh although records exist")] = False,
    cores: Annotated[int | None, typer.Option(min=1, help="processor cores to use (default: all)")] = None,
    only: Annotated[str | None, typer.Option(help="one chapter, by number or name")] = None,
    supplement: Annotated[bool, typer.Option("--supplement", help="the supplement, too")] = False,
) -> None:
    """Make the whole report, doing only what is out of date (what run_all.sh calls)."""
    pipeline.run(profile, retrain, cores, only, supplement)


@app.command()
def prepare(profile: AskedProfile = "auto") -> None:
    """Find or fetch the images and build their manifest."""
    profile = pipeline.choose(profile)
    images, refused = manifest.load(profile), manifest.refused(profile)
    say(f"prepare: {len(images):,} images, {len(refused)} files left out, profile {profile}")


@app.command()
def train(
    names: Annotated[list[str], typer.Argument(metavar="EXPERIMENT...", help="experiments of cxr_helpers/experiments.toml")],
    profile: Profile = "auto",
    seed: Annotated[int | None, typer.Option(min=0, max=LARGEST_SEED, help="one seed instead of its own")] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="train afresh although a record exists")] = False,
) -> None:
    """Make the runs of experiments, one per protocol and seed; a run whose record exists is left as it is."""
    manifest.check(profile)
    wanted = [(each.name, config) for each in [experiments.get(name, profile) for name in names] for config in each.configs]
    if seed is not None:  # one run a protocol
        wanted = dict.fromkeys((name, dataclasses.replace(config, seed=seed)) for name, config in wanted)
    for name, config in wanted:
        label = f"train {name}, {config.protocol}, seed {config.seed}"
        if not retrain and records.load(config, profile):
            say(f"{label}: record {config.run_id} is there")
            continue
        say(f"{label}: begins")
        started = time.monotonic()
        training.train(config, profile, retrain=retrain)
        say(f"{label}: {config.run_id} in {since(started)}")


@app.command(context_settings={"ignore_unknown_options": True})
def execute(
    words: Annotated[
        list[str], typer.Argument(metavar="CHAPTER [-p NAME VALUE]...", help="number or name, and parameters to change")
    ],
    profile: Profile = "auto",
) -> None:
    """Execute one chapter, as `cxr execute 03 -p epochs 3`; the executed notebook goes to the build folder."""
    started = time.monotonic()
    named, parameters = _parted(words)
    if len(named) != 1:
        raise CxrError(f"One chapter is executed at a time, and {len(named)} are named ({' '.join(named)}); see --help.")
    (chapter,) = map(chapter_files.find, named)
    manifest.check(profile)
    path = execution.execute(chapter, profile, parameters)
    say(f"chapter {chapter}: {since(started)}, {path}")


def _parted(words: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the words that stand alone, and what `-p NAME VALUE` sets: a value is a Python literal, else text.

    A -p without two words behind it is a CxrError.
    """
    words, alone, found = iter(words), [], {}
    for word in words:
        if word != "-p":
            alone.append(word)
            continue
        name, value = next(words, None), next(words, None)
        if value is None:
            raise CxrError("-p takes a parameter's name and its value, as `-p epochs 3`.")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return alone, found


@app.command()
def render(
    documents: Annotated[list[str] | None, typer.Argument(metavar="[thesis] [supplement]", help="default: both")] = None,
    profile: Profile = "auto",
) -> None:
    """Render the executed chapters as web page and PDF: the thesis and its supplement."""
    started = time.monotonic()
    for path in rendering.render(profile, documents or rendering.DOCUMENTS):
        say(f"render: {path}, {path.stat().st_size / 1e6:.1f} MB, after {since(started)}")


for _name in plugins.names("commands"):
    plugins.load("commands", _name)(app)
