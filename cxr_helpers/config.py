"""What a person decides, checked before any work starts: configurations, rows of experiments.toml and environment variables.

A configuration has the key under which its run's record is found.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from cxr_helpers.errors import CxrError

Count = pydantic.NonNegativeInt
Share = Annotated[float, pydantic.Field(ge=0, lt=1)]
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
LARGEST_SEED = 2**32 - 1  # that NumPy takes
Seed = Annotated[int, pydantic.Field(ge=0, le=LARGEST_SEED, strict=True)]
Seeds = Annotated[list[Seed], pydantic.Field(min_length=1)]


def whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return `value` if it is a whole number in a range; else a CxrError that names the parameter `name`."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= (value if most is None else most):
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise CxrError(f"{name}={value!r} is out of range; give a whole number {span}.")
    return value


def one_of(name: str, value: object, known: Iterable[object]) -> object:
    """Return `value` if it is known; else a CxrError that names the parameter `name` and lists what is."""
    known = list(known)
    if value not in known:
        raise CxrError(f"{name}={value!r} is unknown; choose one of {', '.join(map(str, known))}.")
    return value


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


@pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
class Config:
    """Configuration of one training run; a value that is unknown or out of its range is a CxrError that names the field.

    A default never changes once records exist: the hash covers only what departs from the defaults, so that
    a new field leaves the old records valid.

    `trainable` is "all", "head" (the backbone stays frozen), or the name prefix of the first backbone layer that is trained.
    `views` counts the cached augmented copies of each training image that a frozen backbone sees (0: the image as it is);
    with `stream` nothing is cached, and it runs anew on newly augmented images in every epoch. `patience` 0 switches early
    stopping off. `size` is in pixels. `width` units make a hidden layer in the head of a MobileNet (0: none). `scaling` of the
    pixels is to 0..1 ("unit"), to -1..1 ("symmetric"), or what the network has of itself (""). `label_smoothing` moves the
    labels that share of the way to one half; `average` is the momentum of an exponential mean of the weights, which replaces
    them (0: none); `mixup` is the parameter of the beta distribution by which pairs of training images are mixed (0: none).

    `features` names what an estimator of scikit-learn sees, `members` the experiments that an ensemble or a cascade joins,
    `search` how the rest is chosen on validation images, `data` the data set. `own` is the SHA-256 of graph and first
    weights of a network that a chapter defines itself ("": a network of `models`).
    """

    model: str
    protocol: str = "official"
    seed: Seed = 0
    start: Literal["imagenet", "random"] = "random"
    size: Annotated[int, pydantic.Field(ge=32, le=1024)] = 224  # twice as many pixels take a batch beyond 16 GB
    variant: str = "none"
    augmentation: Annotated[str, pydantic.BeforeValidator(lambda name: "mild" if name == "films" else name)] = "none"
    views: Count = 0
    trainable: str = "all"
    epochs: pydantic.PositiveInt = 20
    batch_size: pydantic.PositiveInt = 32
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    learning_rate: pydantic.PositiveFloat = 1e-3
    weight_decay: pydantic.NonNegativeFloat = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    patience: Count = 0
    loss: Literal["bce", "focal"] = "bce"
    class_weight: Literal["none", "balanced"] = "none"
    dropout: Share = 0.0
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    stream: bool = False
    width: Count = 0
    features: str = ""
    members: Annotated[tuple[str, ...], pydantic.Strict(False)] = ()  # TOML and JSON know lists only
    search: Literal["", "grid", "random"] = ""
    data: Literal["kermany", "chestxray14", "nih", "skin", "skin_nevus", "brain"] = "kermany"
    label_smoothing: Share = 0.0
    average: Share = 0.0
    mixup: pydantic.NonNegativeFloat = 0.0
    own: str = ""
    scaling: Literal["", "unit", "symmetric"] = ""
    _said = pydantic.model_validator(mode="wrap")(said)

    def __post_init__(self) -> None:
        if self.mixup and self.stored:
            raise CxrError("Config: mixup needs images read batch by batch, not stored features.")
        if self.average and self.patience:
            raise CxrError("Config: average needs patience = 0; early stopping would put the last epoch's weights back.")

    def departures(self) -> dict[str, object]:
        """Return the fields that differ from their defaults, by name."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: getattr(self, name) for name in sorted(defaults) if getattr(self, name) != defaults[name]}

    @property
    def key(self) -> str:
        """Return the SHA-256 (hex) of the departures from the defaults, under the names that they had first."""
        said = self.departures()
        if self.augmentation == "mild":
            said["augmentation"] = "films"
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @property
    def run_id(self) -> str:
        """Return `<model>-<protocol>-s<seed>-<hash8>`, the name of the record's folder."""
        return f"{self.model}-{self.protocol}-s{self.seed}-{self.key[:8]}".lower()

    @property
    def stored(self) -> bool:
        """Tell whether outputs of the frozen layers are stored: below a frozen head always, else where `views` says how often."""
        return not self.stream and (self.trainable == "head" or self.views > 0)


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
