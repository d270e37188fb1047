"""The experiments of the report, read from experiments.toml: one row an experiment, one configuration a seed."""

import dataclasses
import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from cxr_helpers.config import Config, Repeats, Row, one_of
from cxr_helpers.errors import CxrError

FILE = Path(__file__).with_name("experiments.toml")
_NAME = re.compile(r"(?<![`\w/.-])(?<!train )[a-z][a-z0-9]*(?:_[\w+]+)*(?![`\w/-])")  # perhaps an experiment's, not in code
WAYS = {"streamed": "online", "stored": "cached"}  # what the variants of a title are called
FIXED = ("model", "seed", "members", "own")  # fields that no parameter of a chapter changes


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An experiment of the report: `source` is the document it reproduces (T, R, K, I, V of the digest, or "").

    `configs` are its runs, one per protocol and seed. With `waits_for` it is not made by itself: the sentence says what it
    needs. `changes` are what a reader set otherwise than its row has it (see `configuration`), by name.
    """

    name: str
    title: str
    chapter: str
    source: str
    configs: tuple[Config, ...]
    waits_for: str = ""
    changes: Mapping[str, object] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def label(self) -> str:
        """Return the name for tables and legends: that of the row, with what was changed behind it."""
        return self.name + _in_words(self.changes)


def load(profile: str, file: Path = FILE) -> dict[str, Experiment]:
    """Return all experiments by name, as the profile ("full" or "smoke") sets them; of a row with `variants` one for each."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        shared = dict(document.pop("smoke", {}))
    except (OSError, ValueError, TypeError) as error:
        raise CxrError(f"{file} cannot be read ({error}); mend the line, or restore the file from git.") from error
    rows = {}
    for name, given in document.items():
        try:
            row = Row.model_validate(given)
            changes = shared | row.smoke if profile == "smoke" else {}
            for suffix, variant in row.variants.items():
                each, title = (f"{name}_{suffix}", f"{row.title}: {WAYS.get(suffix, suffix)}") if suffix else (name, row.title)
                for changed in ({}, changes):  # a row's own faults are faults in every profile
                    values = {"seeds": row.seeds, "protocols": row.protocols} | row.config | changed | variant
                    if "seed" in values:
                        raise CxrError(f"seed={values['seed']!r}: a seed stands beside it: seeds = [0, 1, 2].")
                    repeats = Repeats(seeds=values.pop("seeds"), protocols=values.pop("protocols"))
                    parts = repeats.protocols or [values.get("protocol", "official")]
                    made = [values | {"protocol": part, "seed": seed} for part in parts for seed in repeats.seeds]
                    configs = tuple(Config(**one) for one in made)
                rows[each] = Experiment(
                    each, title, row.chapter, row.source, configs, "" if profile == "smoke" else row.waits_for
                )
        except CxrError as error:
            raise CxrError(f"{file.name}, [{name}]: {error}") from error
    return rows


def get(name: str, profile: str) -> Experiment:
    """Return one experiment; an unknown name is a CxrError that lists the known ones."""
    rows = load(profile)
    return rows[one_of("experiment", name, rows)]


def named(text: str) -> str:
    """Return `text` with every name of an experiment replaced by its title; names in code (in backticks) stay."""
    titles = _titles()
    return _NAME.sub(lambda match: titles.get(match[0], match[0]), text)


@functools.cache
def _titles() -> dict[str, str]:
    return {name: each.title for name, each in load("full").items()}


def of_chapter(chapter: str, profile: str) -> list[Experiment]:
    """Return the experiments that a chapter, such as "05_mobilenet", reports."""
    return [experiment for experiment in load(profile).values() if experiment.chapter == chapter]


def configuration(name: str, profile: str, default: str = "", **parameters: object) -> Experiment:
    """Return an experiment with the parameters of a chapter: fields of `Config`, and `seeds`, a list of whole numbers.

    A parameter that has the value of the row as it is written, in whatever profile, changes nothing; any other takes the place
    of what the profile has. `default` is the row whose values the chapter's parameters repeat, where that is not `name`.
    An unknown experiment or parameter, or a value out of its range, is a CxrError.
    """
    experiment, written = get(name, profile), written_values(default or name)
    for parameter in parameters:
        one_of("parameter", parameter, written)
    if "seeds" in parameters:
        given = parameters["seeds"]
        parameters["seeds"] = Repeats(seeds=list(given) if isinstance(given, list | tuple) else [given]).seeds
    changes = {field: value for field, value in parameters.items() if value != written[field]}
    values = {field: value for field, value in changes.items() if field != "seeds"}
    configs = [dataclasses.replace(config, **values) for config in experiment.configs]
    if "seeds" in changes:
        configs = [dataclasses.replace(config, seed=seed) for config in configs for seed in changes["seeds"]]
    title, configs = experiment.title + _in_words(changes), tuple(dict.fromkeys(configs))
    return dataclasses.replace(experiment, title=title, configs=configs, changes=changes)


def written_values(name: str) -> dict[str, object]:
    """Return what a chapter's parameters can change of an experiment, with the values of its row: field -> value."""
    configs = get(name, "full").configs
    values = {field: value for field, value in dataclasses.asdict(configs[0]).items() if field not in FIXED}
    return values | {"seeds": list(dict.fromkeys(config.seed for config in configs))}


def _in_words(changes: Mapping[str, object]) -> str:
    """Return " (epochs 3, dropout 0.2)", or "" where nothing was changed."""
    said = ", ".join(f"{field.replace('_', ' ')} {value}" for field, value in changes.items())
    return f" ({said})" if said else ""
