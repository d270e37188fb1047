"""What a person types, checked before any work starts: rows of experiments.toml and environment variables, each by one schema."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from cxr_helpers.errors import CxrError

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
LARGEST_SEED = 2**32 - 1  # that NumPy takes
Seed = Annotated[int, pydantic.Field(ge=0, le=LARGEST_SEED, strict=True)]
Seeds = Annotated[list[Seed], pydantic.Field(min_length=1)]


@classmethod
def said(cls: type, values: Any, handler: Callable[[Any], Any]) -> Any:
    """Return what a schema makes of `values`, as its validator of mode "wrap"; else raise a CxrError that names every fault."""
    try:
        return handler(values)
    except pydantic.ValidationError as error:
        faults = []
        for fault in error.errors():
            known = "unknown; it has " + ", ".join(cls.__pydantic_fields__)
            why = known if fault["type"] in _UNKNOWN else fault["msg"].removeprefix("Value error, ")
            given = "" if fault["type"] == "missing" else f"={fault['input']!r}"[:80]
            faults.append(f"{'.'.join(map(str, fault['loc']))}{given}: {why[0].lower()}{why[1:]}")
        raise CxrError(f"{'; '.join(faults)}.") from None


class Repeats(pydantic.BaseModel):
    """How often an experiment is made: once for each protocol and seed."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    seeds: Seeds = [0]
    protocols: list[str] = []
    _said = pydantic.model_validator(mode="wrap")(said)


class Row(Repeats):
    """A row of experiments.toml; what `config`, `smoke` and `variants` hold are fields of `Config`, checked there."""

    title: str
    chapter: str
    config: dict
    source: str = ""
    smoke: dict = {}
    variants: dict[str, dict] = {"": {}}
    waits_for: str = ""


class Variables(pydantic.BaseModel):
    """Environment variables that hold no folder of images; the folders are looked at where they are read."""

    CXR_PROFILE: Literal["full", "smoke", "auto"] | None = None
    CXR_BACKEND: Literal["openvino", "openvino_bf16", "keras"] | None = None
    KERAS_BACKEND: Literal["tensorflow", "jax", "torch"] | None = None
    OMP_NUM_THREADS: pydantic.PositiveInt | None = None
    CXR_ROOT: Path | None = None
    CXR_BUILD_DIR: Path | None = None
    _said = pydantic.model_validator(mode="wrap")(said)

    @pydantic.field_validator("CXR_ROOT", "CXR_BUILD_DIR")
    @classmethod
    def _can_be_a_folder(cls, path: Path | None) -> Path | None:
        if path and any(part.exists() and not part.is_dir() for part in (path.expanduser(), *path.expanduser().parents)):
            raise ValueError("is a file, or lies below one")
        return path


def check_variables() -> None:
    """Refuse an environment variable of `Variables` that cannot be used; an empty one is none."""
    Variables(**{name: value for name in Variables.model_fields if (value := os.environ.get(name))})
