"""The systems of the report, read from experiments.toml: one row a system, one configuration a seed."""

import dataclasses
import tomllib
from pathlib import Path

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError

FILE = Path(__file__).with_name("experiments.toml")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A system of the report: `source` is the document it reproduces (T, R, K, I, V of the digest, or "").

    `configs` are its runs as the source has them, one per protocol and seed; `fallback` those that stand in where
    ImageNet weights cannot be had. With `waits_for` it is not made by itself: the sentence says what it needs.
    """

    name: str
    title: str
    chapter: str
    source: str
    configs: tuple[Config, ...]
    fallback: tuple[Config, ...] = ()
    waits_for: str = ""

    @property
    def ways(self) -> tuple[tuple[Config, ...], ...]:
        """Return the sets of runs that answer for the system, the one to be preferred first."""
        return (self.configs, self.fallback) if self.fallback else (self.configs,)


def load(profile: str, file: Path = FILE) -> dict[str, Experiment]:
    """Return all systems by name, their configurations as the profile ("full" or "smoke") sets them."""
    with open(file, "rb") as handle:
        document = tomllib.load(handle)
    shared = document.pop("smoke", {})
    rows = {}
    for name, row in document.items():
        changes = shared | row.get("smoke", {}) if profile == "smoke" else {}
        for system, title, variant in _expanded(name, row):
            configs = _configs(row, row["config"] | changes | variant)
            fallback, waits_for = (), ""
            if profile != "smoke":
                fallback = _configs(row | row["fallback"], row["config"] | variant | row["fallback"]) if "fallback" in row else ()
                waits_for = row.get("waits_for", "")
            rows[system] = Experiment(system, title, row["chapter"], row.get("source", ""), configs, fallback, waits_for)
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
    """Return (system, title, changes of config) of a row; with `variants` it makes one system for each."""
    if "variants" not in row:
        return [(name, row["title"], {})]
    return [(f"{name}_{variant}", f"{row['title']}: {variant}", changes) for variant, changes in row["variants"].items()]


def _configs(row: dict, values: dict) -> tuple[Config, ...]:
    """Return one configuration per protocol and seed of a row."""
    values = dict(values)
    seeds = values.pop("seeds", row.get("seeds", [0]))
    protocols = values.pop("protocols", row.get("protocols", [values.get("protocol", "official")]))
    return tuple(Config.from_dict(values | {"protocol": protocol, "seed": seed}) for protocol in protocols for seed in seeds)
