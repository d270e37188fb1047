"""The systems of the report, read from experiments.toml: one row a system, one configuration a seed."""

import dataclasses
import tomllib
from pathlib import Path

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError

FILE = Path(__file__).with_name("experiments.toml")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A system of the report: `source` is the document it reproduces (T, R, K, I, V of the digest, or "")."""

    name: str
    title: str
    chapter: str
    source: str
    configs: tuple[Config, ...]


def load(profile: str, file: Path = FILE) -> dict[str, Experiment]:
    """Return all systems by name, their configurations as the profile ("full" or "smoke") sets them."""
    with open(file, "rb") as handle:
        document = tomllib.load(handle)
    shared = document.pop("smoke", {})
    rows = {}
    for name, row in document.items():
        for system, title, config in _expanded(name, row):
            if profile == "smoke":
                config = config | shared | row.get("smoke", {})
            seeds = config.pop("seeds", [0])
            configs = tuple(Config.from_dict(config | {"seed": seed}) for seed in seeds)
            rows[system] = Experiment(system, title, row["chapter"], row.get("source", ""), configs)
    return rows


def get(system: str, profile: str) -> Experiment:
    """Return one system; an unknown name is a CxrError that lists the known ones."""
    systems = load(profile)
    if system not in systems:
        raise CxrError(f"System {system!r} is unknown; experiments.toml has {', '.join(systems)}.")
    return systems[system]


def of_chapter(chapter: str, profile: str) -> list[Experiment]:
    """Return the systems that a chapter, such as "05_mobilenet", reports."""
    return [experiment for experiment in load(profile).values() if experiment.chapter == chapter]


def _expanded(name: str, row: dict) -> list[tuple[str, str, dict]]:
    """Return (system, title, config values) of a row; `variants` makes one system per preprocessing variant."""
    config = {**row["config"], "seeds": row.get("seeds", [0])}
    if "variants" not in row:
        return [(name, row["title"], config)]
    return [(f"{name}_{v}", f"{row['title']}: {v}", {**config, "variant": v}) for v in row["variants"]]
