"""What is decided before a model is trained, and the key under which its record is found."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable

from cxr_helpers.errors import CxrError

CHOICES = {
    "start": ("imagenet", "random"),
    "optimizer": ("adam", "adamw", "sgd", "rmsprop"),
    "schedule": ("constant", "cosine"),
    "loss": ("bce", "focal"),
    "class_weight": ("none", "balanced"),
    "precision": ("float32", "mixed_float16", "mixed_bfloat16"),
    "search": ("", "grid", "random"),
    "scaling": ("", "unit", "symmetric"),
    "data": ("kermany", "chestxray14", "nih", "skin", "skin_nevus", "brain"),
}
LEAST = {"epochs": 1, "batch_size": 1, "size": 32, "seed": 0, "views": 0, "patience": 0, "width": 0}  # whole numbers
MOST = {"size": 1024}  # pixels: twice as many take a batch beyond 16 GB
NUMBERS = {
    **dict.fromkeys(("dropout", "label_smoothing", "average"), ("from 0 to less than 1", lambda value: 0 <= value < 1)),
    **dict.fromkeys(("weight_decay", "mixup"), ("of at least 0", lambda value: value >= 0)),
    "learning_rate": ("above 0", lambda value: value > 0),
}


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


@dataclasses.dataclass(frozen=True)
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
    seed: int = 0
    start: str = "random"
    size: int = 224
    variant: str = "none"
    augmentation: str = "none"
    views: int = 0
    trainable: str = "all"
    epochs: int = 20
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "constant"
    patience: int = 0
    loss: str = "bce"
    class_weight: str = "none"
    dropout: float = 0.0
    precision: str = "float32"
    stream: bool = False
    width: int = 0
    features: str = ""
    members: tuple[str, ...] = ()
    search: str = ""
    data: str = "kermany"
    label_smoothing: float = 0.0
    average: float = 0.0
    mixup: float = 0.0
    own: str = ""
    scaling: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(self.members))  # TOML and JSON know lists only
        if self.augmentation == "films":  # its name when records were written, of which `key` is made
            object.__setattr__(self, "augmentation", "mild")
        for field, allowed in CHOICES.items():
            one_of(field, getattr(self, field), allowed)
        for field, least in LEAST.items():
            whole_number(field, getattr(self, field), least, MOST.get(field))
        for field, (span, fits) in NUMBERS.items():
            value = getattr(self, field)
            if not isinstance(value, int | float) or isinstance(value, bool) or not fits(value):
                raise CxrError(f"{field}={value!r} is out of range; give a number {span}.")
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
    def frozen(self) -> bool:
        """Tell whether only the head is trained."""
        return self.trainable == "head"

    @property
    def stored(self) -> bool:
        """Tell whether outputs of the frozen layers are stored: below a frozen head always, else where `views` says how often."""
        return not self.stream and (self.frozen or self.views > 0)

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> "Config":
        """Build a configuration from a mapping; an unknown name is a CxrError."""
        if unknown := sorted(set(values) - {field.name for field in dataclasses.fields(cls)}):
            raise CxrError(f"Config: unknown field {', '.join(unknown)}; see cxr_helpers/config.py for the names.")
        return cls(**values)
