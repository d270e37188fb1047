"""Install what the present Python lacks and nothing else: for Colab, conda and other environments that stay as they are.

It runs as a script before anything is installed, so it needs only the standard library and pip.
"""

import importlib.metadata
import importlib.util
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

try:
    from packaging.requirements import Requirement
except ImportError:  # pip carries its own copy
    from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent.parent
STAND_INS = {  # distributions that provide the same modules
    "opencv-python-headless": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "tensorflow": ("tensorflow-cpu", "tf-nightly"),
}


def wanted(pyproject: Path, extra: str = "test") -> list[Requirement]:
    """Return the project's requirements and those of its `extra`, without the ones for other platforms."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + project["optional-dependencies"][extra]
    every = [Requirement(line) for line in lines]
    return [requirement for requirement in every if requirement.marker is None or requirement.marker.evaluate()]


def pip_arguments(requirements: list[Requirement], version_of: Callable[[str], str | None]) -> list[str]:
    """Return what pip has to install, with a pin for all that fits already, so that pip leaves it alone; [] if nothing lacks."""
    lacking, kept = [], []
    for requirement in requirements:
        names = (requirement.name, *STAND_INS.get(requirement.name, ()))
        present = {name: version_of(name) for name in names}
        fitting = [name for name in names if present[name] and requirement.specifier.contains(present[name], prereleases=True)]
        if fitting:
            kept.append(f"{fitting[0]}=={present[fitting[0]]}")
        else:
            lacking.append(f"{requirement.name}{requirement.specifier}")
    return lacking + kept if lacking else []


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    """Install what is lacking, then the package itself, into the Python that runs this script."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    arguments = pip_arguments(wanted(ROOT / "pyproject.toml"), installed_version)
    commands = [[*pip, *arguments]] if arguments else []
    spec = importlib.util.find_spec("cxr_helpers")
    if spec is None or Path(spec.origin).parent.parent != ROOT:  # not the package of this checkout
        commands.append([*pip, "--no-deps", "--editable", str(ROOT)])
    for command in commands:
        print("installing into the present Python what it lacks; what it has stays as it is", flush=True)
        if subprocess.run(command, check=False).returncode:
            sys.exit("run_all.sh: pip could not install the packages (its reason stands above); check the network and run again.")


if __name__ == "__main__":
    main()
