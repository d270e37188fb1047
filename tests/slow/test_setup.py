"""run_all.sh on machines that are made of fakes, and the lists of requirements that must agree."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from checkouts import PARTS, SUPPORT, copy
from packaging.requirements import Requirement

from cxr_helpers import paths

TOOLS = ("bash", "cat", "cp", "date", "dirname", "ls", "mkdir", "rm")


class Machine:
    """A machine with nothing but a shell and the Pythons that a test puts there, and a checkout with a space in its path."""

    def __init__(self, folder: Path) -> None:
        self.root = copy(folder / "a checkout", tuple(part for part in PARTS if part != "cxr_helpers"))
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))

    def add_python(self, name: str = "python3") -> None:
        """Put a fake Python on the PATH."""
        shutil.copy(SUPPORT / "fake_python.sh", self.bin / name)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        """Run the script from an unrelated folder and start a new log of the calls of Python."""
        self.log.write_text("")
        environment = {"PATH": str(self.bin), "FAKE_LOG": str(self.log), "FAKE_REAL": sys.executable, **variables}
        command = [shutil.which("bash"), str(self.root / "run_all.sh"), *arguments]
        return subprocess.run(command, env=environment, cwd=self.bin, capture_output=True, text=True, check=False)

    def calls(self, word: str) -> list[str]:
        """Return the logged calls of Python that contain `word`."""
        return [line for line in self.log.read_text().splitlines() if word in line]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def only_sentence(done: subprocess.CompletedProcess) -> str:
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("run_all.sh: "), done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--nope"], "--nope"),
        (["all"], "all"),
        (["--profile", "real"], "real"),
        (["--profile=real"], "real"),
        (["--cores", "two"], "two"),
        (["--cores", "0"], "0"),
        (["--retrain", "--only"], "--only"),
    ],
)
def test_a_wrong_flag_is_one_sentence_before_anything_is_installed(machine, arguments, named):
    machine.add_python()
    done = machine.run(*arguments)
    assert done.returncode == 2
    assert named in only_sentence(done)
    assert not machine.calls("venv")


def test_help_names_every_flag_and_needs_no_python(machine):
    done = machine.run("--help")
    assert done.returncode == 0 and done.stderr == ""
    assert set(re.findall(r"--[a-z]+", done.stdout)) == {"--profile", "--retrain", "--cores", "--only", "--supplement"}


@pytest.mark.parametrize("version", ["3.10", "3.14", "2.7"])
def test_another_python_is_refused_by_name(machine, version):
    machine.add_python()
    sentence = only_sentence(machine.run(FAKE_VERSION=version))
    assert f"Python {version} was found at {machine.bin / 'python3'}" in sentence and "install 3.11, 3.12 or 3.13" in sentence


def test_no_python_at_all_is_one_sentence(machine):
    assert "no Python was found" in only_sentence(machine.run())


def test_a_python_without_venv_is_one_sentence(machine):
    machine.add_python()
    assert "no venv module" in only_sentence(machine.run(FAKE_NO_VENV="1")).replace(str(machine.bin), "")
    assert not (machine.root / ".venv").exists()


def test_the_first_run_installs_and_the_second_does_not(machine):
    machine.add_python("python3.11")
    assert machine.run("--cores", "1").returncode == 0
    assert machine.calls("-m uv pip install")[0].endswith(f"--require-hashes -r {machine.root}/requirements.lock.txt")
    assert machine.calls("--no-deps")[0].endswith(f"--editable {machine.root}")
    assert machine.run("--cores", "1").returncode == 0
    assert not machine.calls("pip install")
    assert machine.calls("-m cxr_helpers") == ["-P -m cxr_helpers report --cores 1"]


def test_a_changed_lock_installs_again(machine):
    machine.add_python()
    machine.run()
    with open(machine.root / "requirements.lock.txt", "a") as lock:
        lock.write("# changed\n")
    machine.run()
    assert machine.calls("-m uv pip install")


def test_an_active_environment_is_not_made_anew_by_its_own_python(machine):
    machine.add_python()
    machine.run()
    with open(machine.root / "requirements.lock.txt", "a") as lock:
        lock.write("# changed\n")
    own = machine.root / ".venv" / "bin"
    (own / "python3").symlink_to("python")
    done = machine.run(PATH=f"{own}:{machine.bin}")
    assert done.returncode == 0 and f"with {machine.bin}/python3" in done.stdout + done.stderr


def test_an_interrupted_installation_is_done_again(machine):
    machine.add_python()
    done = machine.run(FAKE_NO_NETWORK="1")
    assert done.returncode == 1 and "check the network" in only_sentence(done)
    assert not machine.calls("-m cxr_helpers")
    assert machine.run().returncode == 0
    assert machine.calls("-m venv") and machine.calls("-m uv pip install")


def test_pip_takes_over_where_uv_is_not_to_be_had(machine):
    machine.add_python()
    assert machine.run(FAKE_NO_UV="1").returncode == 0
    assert not machine.calls("-m uv")
    assert "--require-hashes" in machine.calls("requirements.lock.txt")[0]


def test_a_foreign_folder_is_never_replaced(machine):
    machine.add_python()
    foreign = machine.bin / "mine"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    assert str(foreign) in only_sentence(machine.run(CXR_VENV="mine"))
    assert (foreign / "thesis.txt").read_text() == "years of work"


def test_two_installations_at_once_are_refused(machine):
    machine.add_python()
    with open(machine.root / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another run_all.sh" in only_sentence(machine.run())
    assert machine.run().returncode == 0


def test_arguments_after_test_go_to_pytest(machine):
    machine.add_python()
    machine.run("test", "-k", "two words")
    assert machine.calls("-m cxr_helpers") == ["-P -m cxr_helpers test -k two words"]


def test_the_tests_add_their_packages_to_those_of_a_reader_who_stays_set_up(machine):
    machine.add_python()
    machine.run()
    assert machine.run("test").returncode == 0
    assert machine.calls("-m uv pip install")[0].endswith("requirements.test.lock.txt") and not machine.calls("-m venv")
    for arguments in ((), ("test",)):
        machine.run(*arguments)
        assert not machine.calls("pip install")


@pytest.mark.parametrize("variable", ["CXR_KEEP_ENV", "COLAB_RELEASE_TAG"])
def test_an_environment_that_is_kept_gets_no_venv(machine, variable):
    machine.add_python()
    assert machine.run(**{variable: "1"}).returncode == 0
    assert not machine.calls("venv") and machine.calls("--constraint") and machine.calls("-m cxr_helpers report")


LOCKS = {
    "requirements.lock.txt": ["lab", "search"],
    "requirements.test.lock.txt": ["lab", "search", "test", "backends"],
    "requirements.benchmarks.lock.txt": ["backends"],
    "requirements.cluster.lock.txt": ["slurm", "kubernetes"],
}


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", (paths.ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize(("lock", "extras"), LOCKS.items())
def test_a_lock_pins_what_its_purpose_needs_with_hashes(lock, extras):
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
    every = project["dependencies"] + [each for extra in extras for each in project["optional-dependencies"][extra]]
    found = pins(lock)
    for requirement in map(Requirement, every):
        if requirement.name != project["name"] and (requirement.marker is None or requirement.marker.evaluate()):
            assert requirement.specifier.contains(found[requirement.name.replace("_", "-")]), requirement
    blocks = re.split(r"^(?=[a-z0-9])", (paths.ROOT / lock).read_text(), flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_locks_agree_and_readers_get_nothing_that_only_others_need():
    tested = pins("requirements.test.lock.txt")
    for lock in LOCKS:
        assert all(tested.get(name, version) == version for name, version in pins(lock).items()), lock
    others = {"openvino", "playwright", "pytest", "snakemake-executor-plugin-slurm", "tf2onnx"}
    assert not others & set(pins("requirements.lock.txt"))


def test_conda_installs_the_project_with_its_own_requirements():
    lines = [line.strip() for line in (paths.ROOT / "environment.yml").read_text().splitlines()]
    start = lines.index("dependencies:")
    assert lines[start + 1] in ("- python=3.11", "- python=3.12", "- python=3.13")
    assert lines[start + 2 :] == ["- pip", "- pip:", '- "--editable .[lab,search]"']


def test_ci_calls_the_test_command():
    script = paths.ROOT / ".ci" / "run"
    assert "./run_all.sh test" in script.read_text() and os.access(script, os.X_OK)
