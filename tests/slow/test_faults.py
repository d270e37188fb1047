"""What happens to a run, made to happen: each fault on the real commands, in a copy with a training of no time."""

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from checkouts import ALPHA, copy, run_all, write_chapter
from commands import CXR, run
from fault_table import came_to
from killing import here, kill, kill_and_repeat
from tiny_images import image, save, write

from cxr_helpers import paths

NAME = "Röntgen 胸部 it's $HOME"  # of the checkout, and of a folder of images
TRAINING = '''
import pandas as pd
from cxr_helpers import records
from cxr_helpers.data import manifest, packing

def train(config, profile, retrain=False):
    images = packing.load(profile, 32)
    scores = manifest.load(profile).assign(split="test", y_score=images.mean(axis=(1, 2)) / 255)
    info = {"initialisation": "random", "device": "CPU", "pixels": "synthetic image", "wall_time_s": 1, "images": {"train": 1}}
    return records.write(config, profile, info, {"scores": scores[records.SCORE_COLUMNS]})
'''
FIGURE = """
from matplotlib import pyplot as plt
from cxr_helpers.report import document
figure, axes = plt.subplots()
axes.plot([0, 1], [0, 1], label="Röntgen")
axes.legend()
document.figure(figure, "fig:line", caption="A line.", alt="A rising line.")
"""
GATE = """
import pathlib, time
gate = pathlib.Path({gate!r})
(gate.parent / "begun").touch()
while not gate.exists():
    time.sleep(0.05)
"""
RENDERED = ("thesis.html", "thesis.pdf")
RECORDS = ("from cxr_helpers import records", "from cxr_helpers.report import document", "runs = records.every(profile)")
SHOWN = 'document.text(f"{len(runs)} runs, mean score {runs[0].scores.y_score.mean():.4f}.")'


def can_mount() -> bool:
    probe = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(probe, capture_output=True, check=False).returncode == 0


TODAY = "datetime.date.today()"
CAN_MOUNT = can_mount()
mounts = pytest.mark.skipif(not CAN_MOUNT, reason="mounting is forbidden here")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")


def mounted(script: str, *command: object) -> list[str]:
    """Return a command that runs after `script` in a mount namespace of its own."""
    return ["unshare", "--mount", "sh", "-c", f'{script} && exec "$@"', "sh", *map(str, command)]


def read_only(folder: Path) -> str:
    place = shlex.quote(str(folder))
    return f"mount --bind {place} {place} && mount -o remount,ro,bind {place}"


@pytest.fixture(scope="module")
def checkout():
    """A copy of the checkout in which everything was made once, readable by everybody, and what that came to."""
    folder = Path(tempfile.mkdtemp(prefix="cxr-faults-"))
    root = copy(folder / NAME)
    (root / "cxr_helpers" / "training" / "__init__.py").write_text(TRAINING)
    title = root / "cxr_helpers" / "report" / "rendering.py"  # pages are compared to the last byte, over midnight too
    assert (text := title.read_text()).count(TODAY) == 1
    title.write_text(text.replace(TODAY, "datetime.date(2026, 1, 1)"))
    (root / "cxr_helpers" / "experiments.toml").write_text(ALPHA)
    gate = folder / "gate"
    gate.touch()
    write_chapter(root / "notebooks", "01_eda", FIGURE)
    write_chapter(root / "notebooks", "02_alpha", GATE.format(gate=str(gate)), *RECORDS, SHOWN, reads=("experiment:alpha",))
    done = run_all("--profile", "smoke", "--cores", "2", root=root, CXR_BUILD_DIR=str(root / "build"))
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(root / "reports" / "smoke", folder / "whole")
    yield root
    shutil.rmtree(folder, ignore_errors=True)


def whole(root: Path) -> Path:
    """Return the folder of what the undisturbed run made."""
    return root.parent / "whole"


def same_records(root: Path) -> bool:
    """Tell whether all records are those of the undisturbed run, to the last byte, with nothing beside them."""
    def content(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return content(root / "reports/smoke/runs") == content(whole(root) / "runs")


def same_page(root: Path) -> bool:
    """Tell whether page and PDF are those of the undisturbed run."""
    return all((root / "reports/smoke" / name).read_bytes() == (whole(root) / name).read_bytes() for name in RENDERED)


def drafts(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name not in (".snakemake", ".", "..")]


def test_killed_while_packing(checkout, tmp_path):
    shutil.rmtree(checkout / "reports/smoke/runs")
    build = tmp_path / "build"
    assert here(checkout, "prepare", CXR_BUILD_DIR=build).code == 0
    done = kill_and_repeat(checkout, r"open|train.PNEUMONIA.*\.jpeg|150", "train", "alpha", CXR_BUILD_DIR=build)
    assert done.code == 0 and same_records(checkout) and not drafts(build)
    packed = sorted(path.name.rpartition("-")[0] for path in (build / "smoke/packed").iterdir())
    assert packed == ["none-224", "none-32"]  # every image is first brought to 224 pixels
    came_to("killed while packing images", "cxr train", "run again: the same records, no draft left")


def test_killed_while_a_record_is_written(checkout):
    for number in (1, 2):  # the first of its files, the last of them
        kill(checkout, rf"os.rename|runs/[^ ]*-s0-|{number}", "train", "alpha", "--seed", "0", "--retrain")
        listed = here(checkout, "runs")
        assert listed.code == 0 and listed.out.count("custom_cnn-") == 2
    assert here(checkout, "train", "alpha", "--retrain").code == 0
    assert same_records(checkout) and not drafts(checkout / "reports")
    came_to("killed while a record is written", "cxr train --retrain", "the old record or the new is read, never a part or none")


def start(root: Path, *arguments: str) -> subprocess.Popen:
    """Start run_all.sh in a session of its own, to be killed with all that it starts."""
    own = {"CXR_KEEP_ENV": "1", "CXR_PYTHON": sys.executable, "PYTHONPATH": str(root), "CXR_BUILD_DIR": str(root / "build")}
    variables = os.environ | own
    command = [str(root / "run_all.sh"), "--profile", "smoke", *arguments]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def test_two_at_once_and_killed_in_a_chapter(checkout):
    gate, begun = checkout.parent / "gate", checkout.parent / "begun"
    begun.unlink()
    gate.unlink()
    (checkout / "build/smoke/executed/02_alpha.ipynb").unlink()
    first = start(checkout, "--cores", "1")
    try:
        deadline = time.monotonic() + 100
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        second = run_all("--profile", "smoke", root=checkout, CXR_BUILD_DIR=str(checkout / "build"))
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    assert second.returncode == 1
    assert not (checkout / "build/smoke/executed/02_alpha.ipynb").exists()
    gate.touch()
    again = run_all("--profile", "smoke", "--cores", "1", root=checkout, CXR_BUILD_DIR=str(checkout / "build"))
    assert again.returncode == 0, again.stderr
    assert "chapter 02_alpha" in again.stdout and "chapter 01_eda" not in again.stdout
    assert same_page(checkout) and same_records(checkout)
    came_to("two at once in one checkout", "run_all.sh", second.stderr, checkout)
    came_to("killed in a chapter", "run_all.sh", "run again: only that chapter is executed, the same page and records")


def test_killed_while_rendering(checkout):
    source, reports = checkout / "notebooks/01_eda.ipynb", checkout / "reports/smoke"
    before = source.read_bytes()
    write_chapter(source.parent, source.stem, FIGURE.replace("A line", "Another line"))
    assert here(checkout, "execute", "01").code == 0
    for name in RENDERED:
        kill(checkout, rf"os.rename|{name}|1", "render")
        assert (reports / name).read_bytes() == (whole(checkout) / name).read_bytes()
    assert here(checkout, "render").code == 0 and not drafts(checkout / "reports")
    assert b"Another line" in (reports / "thesis.html").read_bytes()
    assert (reports / "thesis.pdf").read_bytes() != (whole(checkout) / "thesis.pdf").read_bytes()
    source.write_bytes(before)
    assert here(checkout, "execute", "01").code == here(checkout, "render").code == 0 and same_page(checkout)
    came_to("killed while rendering", "cxr render", "the old file stays whole; run again: the new page and PDF, to the last byte")


def test_the_disk_fills_up(checkout, tmp_path):
    build = tmp_path / "disk"
    build.mkdir()
    if CAN_MOUNT:
        quoted = shlex.quote(str(build))
        script = f"mount -t tmpfs -o size=5m none {quoted}"
        steps = " ".join(map(shlex.quote, CXR))
        train = f"{steps} train alpha; echo code $?"
        again = f"{train}; mount -o remount,size=64m {quoted}; {train}"
        shutil.rmtree(checkout / "reports/smoke/runs")
        done = run(mounted(script, "sh", "-c", again), root=checkout, CXR_BUILD_DIR=build, CXR_PROFILE="smoke", CXR_DATA_DIR=None)
        assert done.out.count("code 1\n") == 1 and done.out.count("code 0\n") == 1, done.out + done.err
        sentence = next(line for line in done.err.splitlines() if line.startswith("cxr: "))
    else:  # the largest file that may be written, in place of a full disk
        shutil.rmtree(checkout / "reports/smoke/runs")
        limited = here(checkout, "train", "alpha", prefix=["prlimit", "--fsize=100000"], CXR_BUILD_DIR=build)
        sentence = limited.last
        assert limited.code == 1 and here(checkout, "train", "alpha", CXR_BUILD_DIR=build).code == 0
    assert same_records(checkout)
    assert "No space left on device" in sentence or "File too large" in sentence
    if CAN_MOUNT:
        came_to("disk full (a tmpfs of 5 MB)", "cxr train", sentence, build, checkout)


@mounts
def test_a_read_only_data_folder(checkout, tmp_path):
    images = write(tmp_path / NAME)
    made = {}
    for kind, prefix in (("open", ()), ("read-only", mounted(read_only(images)))):
        build = tmp_path / kind
        places = {"CXR_DATA_DIR": images, "CXR_BUILD_DIR": build, "CXR_GEOMETRY": None}
        done = here(checkout, "prepare", "--profile", "full", prefix=prefix, **places)
        assert done.code == 0, done.err
        made[kind] = (build / "full/manifest.csv").read_bytes()
    assert made["open"] == made["read-only"]
    came_to("read-only data folder (a bind mount)", "cxr prepare", "the same manifest")


@mounts
def test_a_read_only_checkout(checkout, tmp_path):
    seal = read_only(checkout)
    command = [checkout / "run_all.sh", "--profile", "smoke"]
    done = run(mounted(seal, *command), root=checkout, CXR_BUILD_DIR=tmp_path)
    assert done.code == 1 and done.err.count("\n") == 1, done.err
    assert here(checkout, "execute", "01", prefix=mounted(seal), CXR_BUILD_DIR=tmp_path).code == 0
    kept = here(checkout, "prepare", prefix=mounted(seal))
    assert kept.code == 0  # what is up to date needs no writing
    came_to("read-only checkout (a bind mount)", "run_all.sh", done.err, checkout)


@pytest.mark.skipif(not shutil.which("faketime"), reason="libfaketime is not installed")
@pytest.mark.parametrize(("shift", "command"), [("-25y", ("execute", "02")), ("+25y", ("render",))])
def test_the_clock_is_wrong(checkout, shift, command):
    # libfaketime moves the monotonic clock too, which no system does: forward, ZeroMQ's own waits overflow.
    done = here(checkout, *command, prefix=["faketime", "-f", shift])
    assert done.code == 0, done.err
    came_to(f"the clock is wrong by {shift} (libfaketime)", f"cxr {command[0]}", "done as ever")


def outputs(path: Path) -> list:
    return [cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells]


def edited(folder: Path, **changes: object) -> None:
    info = json.loads((folder / "run.json").read_text())
    info = {name: value for name, value in (info | changes).items() if value is not None}
    (folder / "run.json").write_text(json.dumps(info))


@pytest.fixture
def record(checkout):
    """The folder of a record that a test may spoil."""
    folder = next((checkout / "reports/smoke/runs").glob("*-s0-*"))
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    yield folder
    for path, content in kept.items():
        path.write_bytes(content)


def test_a_record_edited_by_hand(checkout, record):
    edited(record, wall_time_s=2)
    done = here(checkout, "runs")
    assert done.code == 1
    came_to("run.json edited by hand", "cxr runs", done.err, checkout)


def test_scores_edited_by_hand(checkout, record):
    path = record / "scores.csv"
    path.write_text(path.read_text().replace(",1,", ",0,", 1))
    done = here(checkout, "execute", "02")
    assert done.code == 1
    came_to("scores edited by hand", "cxr execute", done.last, checkout)


def test_a_record_of_an_older_version(checkout, record):
    edited(record, format=None, info_sha256=None)
    done = here(checkout, "runs")
    assert done.code == 1 and "Traceback" not in done.err
    came_to("a record of format 1", "cxr runs", done.err, checkout)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("a later format", {"format": 99}),
        ("a field that is gone", {"config": {"model": "custom_cnn", "layers": 3}}),
    ],
)
def test_a_record_that_cannot_be_read(checkout, record, kind, changes):
    edited(record, **changes)
    done = here(checkout, "runs")
    assert done.code == 1 and "Traceback" not in done.err
    came_to(f"a record of {kind}", "cxr runs", done.err, checkout)


def test_a_image_changed_after_the_manifest_was_made(checkout, tmp_path):
    images, build = write(tmp_path / NAME), tmp_path / "build"
    options = {"CXR_DATA_DIR": images, "CXR_BUILD_DIR": build, "CXR_GEOMETRY": None, "CXR_PROFILE": "full"}
    assert here(checkout, "prepare", **options).code == 0
    path = images / "train/PNEUMONIA/person1_virus_1.jpeg"
    before, state = path.read_bytes(), path.stat()
    save(path, image(99, 53, 45))
    changed = path.read_bytes()[: len(before)]
    path.write_bytes(changed.ljust(len(before), b"\0"))  # of the same size and time, so that only its content tells
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    done = here(checkout, "train", "alpha", **options)
    assert done.code == 1 and not (checkout / "reports/runs").exists()
    save(path, image(99, 53, 45))
    again = here(checkout, "train", "alpha", **options)
    assert again.code == 0, again.err
    digest = pd.read_csv(build / "full/manifest.csv").set_index("path").sha256["train/PNEUMONIA/person1_virus_1.jpeg"]
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    shutil.rmtree(checkout / "reports/runs")
    came_to("an image changed after the manifest was made", "cxr train", done.last, images, checkout)


def test_no_kernel_spec(checkout, tmp_path):
    path = checkout / "notebooks/01_eda.ipynb"
    before = path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.kernelspec.name = "nowhere"
    nbformat.write(notebook, path)
    nothing = {name: tmp_path for name in ("JUPYTER_PATH", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    done = here(checkout, "execute", "01", **nothing)
    path.write_bytes(before)
    assert done.code == 0, done.err
    came_to("no kernel spec", "cxr execute", "the chapter is executed, by the Python of the command")


@mounts
def test_no_fonts(checkout, tmp_path):
    hide = "for d in /usr/share/fonts /usr/local/share/fonts; do [ ! -d $d ] || mount -t tmpfs none $d; done"
    for step in (("execute", "01"), ("render",)):
        done = here(checkout, *step, prefix=mounted(hide), HOME=tmp_path, MPLCONFIGDIR=tmp_path / "matplotlib")
        assert done.code == 0, done.err
    assert same_page(checkout)
    came_to("no fonts on the machine", "cxr execute, cxr render", "the same page")


def test_no_home_to_write_to(checkout, tmp_path):
    for step in (("execute", "01"), ("render",)):
        done = here(checkout, *step, HOME="/proc/nobody", TMPDIR=tmp_path, XDG_CACHE_HOME=None, MPLCONFIGDIR=None)
        assert done.code == 0, done.err
        assert "not a writable" not in done.err
    assert same_page(checkout)
    came_to("~ cannot be written", "cxr execute, cxr render", "the same page")


def test_blanks_quotes_and_other_scripts_in_paths(checkout):
    assert NAME in str(checkout)
    assert (whole(checkout) / "thesis.html").is_file() and (whole(checkout) / "thesis.pdf").is_file()
    came_to("blanks, quotes, $ and other scripts in a path", "run_all.sh", "page, PDF and records are made")


@root_only
def test_another_user_than_root(checkout):
    stranger = 54321  # without a name on this machine
    folder = Path(tempfile.mkdtemp(prefix="cxr-stranger-"))
    try:
        copied = folder / "checkout"
        shutil.copytree(checkout, copied, symlinks=True, ignore=shutil.ignore_patterns(".snakemake"))
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, stranger, stranger)
        prefix = ["setpriv", f"--reuid={stranger}", f"--regid={stranger}", "--clear-groups"]
        if CAN_MOUNT and sys.base_prefix.startswith("/root/"):  # where no one else may look
            base = shlex.quote(sys.base_prefix)
            empty = "mount -t tmpfs -o mode=755 none /root"
            prefix = mounted(f"mount --bind {base} /mnt && {empty} && mkdir -p {base} && mount --bind /mnt {base}", *prefix)
        probe = "import subprocess, sys; subprocess.check_call([sys.executable, '-c', 'import numpy'])"
        if subprocess.run([*prefix, sys.executable, "-c", probe], capture_output=True, check=False).returncode:
            pytest.skip("another user cannot reach this Python")
        for step in (("execute", "01"), ("render",)):
            done = here(copied, *step, prefix=prefix, HOME=None, TMPDIR=folder, cwd=folder)
            assert done.code == 0, done.err
        assert same_page(copied) if (copied.parent / "whole").exists() else (copied / "reports/smoke/thesis.pdf").is_file()
        assert (copied / "reports/smoke/thesis.pdf").stat().st_uid == stranger
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    came_to("not as root, and as a user without a name or a home", "cxr execute, cxr render", "page and PDF are made")


def test_the_table_of_faults_names_tests_that_exist():
    from fault_table import FILE

    for test in pd.read_csv(FILE).test:
        file, _, name = test.partition("::")
        source = (paths.ROOT / file).read_text(encoding="utf-8")
        assert f"def {name.partition('[')[0]}(" in source, test
