"""The commands of `cxr` for images of one's own: predict, score, import, explain, formats."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from cxr_helpers.base import lazy
from cxr_helpers.base.progress import printable, say, since
from cxr_helpers.errors import CxrError

file_writing = lazy.module("cxr_helpers.base.files")
methods = lazy.module("cxr_helpers.extras.saliency.methods")
bulk = lazy.module("cxr_helpers.extras.inference.bulk")
dicom = lazy.module("cxr_helpers.extras.inference.dicom")
own_images = lazy.module("cxr_helpers.extras.inference.own_images")
prediction = lazy.module("cxr_helpers.extras.inference.predict")
explain_page = lazy.module("cxr_helpers.extras.saliency.explain_page")

commands = typer.Typer()
UNSEEN = "12 of 1,877 JPEG, 7 of 2,390 DICOM, 11 of 717 TIFF and 0 of 1,516 PNG"  # a test holds it against reports/fuzz.txt
Model = Annotated[Path | None, typer.Option(help="folder of another published model")]
Labelled = Annotated[Path, typer.Argument(metavar="SOURCE", help="folder with NORMAL/ and PNEUMONIA/, or CSV of path,label")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="write over what is there")]


@commands.command()
def predict(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE...", help="chest X-rays (cxr formats lists what is read); with --table also folders"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the heat maps (default: heatmaps; with --table none)")] = None,
    model: Model = None,
    table: Annotated[Path | None, typer.Option(help="write a CSV table of any number of images; goes on if stopped")] = None,
    listed: Annotated[Path | None, typer.Option("--list", help="with --table: a text file of one path a line")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Predict class and probability of images and draw heat maps, with a warning for what is no image. Not for clinical use.

    With --table the arguments may be files, folders or patterns in quotation marks; a file that is no image costs one row.
    """
    started = time.monotonic()
    if table:
        inputs = [listed] if listed else []
        rows, failed = bulk.write(bulk.files(files or [], listed), table, model, out, overwrite, inputs)
        say(f"predict: {table}, {rows:,} files, {failed:,} of them without an answer (column problem), {since(started)}")
        if rows == failed:
            raise CxrError(f"None of {rows:,} files has an answer; {printable(table)} says why, file by file.")
    elif listed or any(map(bulk.is_many, files or [])):
        raise CxrError("Folders, patterns and lists go into a table: add --table results.csv.")
    elif not files:
        raise CxrError("No image is named; give files, or with --table folders, patterns or --list FILE.")
    else:
        _predict_few(files, model, out or Path("heatmaps"))


def _predict_few(files: list[Path], model: Path | None, out: Path) -> None:
    """Print the answers; the first fault is the command's, after all other files were answered."""
    answers = prediction.predict(files, model, out)
    if found := prediction.written(answers):
        print(found)
    for answer in answers:
        if answer.shown:
            print(f"cxr: note: {printable(answer.path)}: {answer.shown}", file=sys.stderr)
        if answer.warning:
            print(f"cxr: warning: {answer.warning}", file=sys.stderr)
    _refuse([sentence for answer in answers if (sentence := answer.problem or answer.undrawn)])


def _refuse(problems: list[str]) -> None:
    if problems:
        raise CxrError("\n     ".join(problems))


@commands.command()
def score(
    source: Labelled,
    out: Annotated[Path | None, typer.Option(help="CSV file for the score of every image")] = None,
    model: Model = None,
    adapt: Annotated[bool, typer.Option("--adapt", help="beside it: scores adapted to these images without labels")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Score your own labelled images with the published model: every metric with its 95 % interval over patients."""
    scores, threshold, problems, warnings = own_images.score(source, model, out, overwrite)
    print(own_images.told(scores, threshold, adapt))
    if out:
        file_writing.atomic_write(out, scores.to_csv(index=False, lineterminator="\n"))
    own_images.warn(warnings, len(scores))
    _refuse(problems)


@commands.command("import")
def import_images(
    source: Labelled, to: Annotated[Path, typer.Argument(metavar="FOLDER", help="a new folder, for CXR_DATA_DIR")]
) -> None:
    """Make a set to train on of your own labelled images (JPEG, PNG or DICOM): grey PNG files named by numbers, nothing else."""
    print(own_images.store(source, to).to_string())


@commands.command()
def explain(
    file: Annotated[Path, typer.Argument(metavar="IMAGE", help="a chest X-ray (cxr formats lists what is read)")],
    names: Annotated[str, typer.Option("--methods", help="methods with commas between them, or all")] = "gradcam,shap_partition",
    out: Annotated[Path, typer.Option(help="the page, in a folder that exists")] = Path("explanation.html"),
    target: Annotated[str, typer.Option(help="what the maps explain: PNEUMONIA, NORMAL or predicted")] = "predicted",
    model: Model = None,
    overwrite: Overwrite = False,
) -> None:
    """Write one page with an image's prediction and its heat maps, each method with its scale. Not for clinical use."""
    given = [name.strip().lower() for name in names.split(",") if name.strip()]
    chosen = list(methods.found()) if given == ["all"] else given
    say(f"explain: {explain_page.write(file, chosen, out, target, model, overwrite)}")


@commands.command()
def formats() -> None:
    """List the image formats that this installation reads."""
    print("JPEG    grey or RGB of 8 bits, sequential or progressive, whole")
    print("PNG     grey, RGB, opaque alpha or grey palette of 8 bits; grey of 16 bits")
    print("TIFF    one picture, grey of 8 or 16 bits, or RGB of 8, black as zero")
    print("DICOM   one grey frame of at most 32 bits, in these compressions:")
    for name, readable in dicom.compressions().items():
        print(f"        {'yes' if readable else 'no '}  {name}")
    print("pip install python-gdcm adds JPEG Lossless, JPEG-LS and JPEG of 12 bits.")
    print("Damage is refused or warned of, but for what nothing guards: wrong bits in values (DICOM, TIFF) or a JPEG stream.")
    print(f"Of spoiled files {UNSEEN} had greys off by more than 3 on average, unseen (reports/fuzz.txt).")
