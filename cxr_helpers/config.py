"""What is decided before a model is trained, and the key under which its record is found."""

import dataclasses
import hashlib
import json

from cxr_helpers.errors import CxrError

CHOICES = {
    "start": ("imagenet", "random"),
    "optimizer": ("adam", "adamw"),
    "schedule": ("constant", "cosine"),
    "loss": ("bce", "focal"),
    "class_weight": ("none", "balanced"),
    "precision": ("float32", "mixed_float16", "mixed_bfloat16"),
    "search": ("", "grid", "random"),
    "data": ("kermany", "chestxray14", "skin", "brain"),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Configuration of one training run.

    A default never changes once records exist: the hash covers only what departs from the defaults, so that
    a new field leaves the old records valid.

    `trainable` is "all", "head" (the backbone stays frozen), or the name prefix of the first backbone layer
    that is trained. `views` counts the stored augmented copies of each training image that a frozen backbone
    sees (0: the image as it is); with `stream` nothing is stored, and a frozen backbone runs anew on newly
    augmented images in every epoch. `patience` 0 switches early stopping off. `size` is in pixels. `width` units
    make a hidden layer in the head of a MobileNet (0: none). `label_smoothing` moves the labels that share of the way to
    one half; `average` is the momentum of an exponential mean of the weights, which replaces them at the end (0: none).
    `mixup` is the parameter of the beta distribution by which pairs of training images are mixed (0: none).

    What is no network of its own names its parts: `features` are what an estimator of scikit-learn sees, `members`
    the systems that an ensemble or a cascade joins, `search` the way in which the rest is to be chosen on
    validation, `data` the set.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(self.members))  # TOML and JSON know lists only
        for field, allowed in CHOICES.items():
            if getattr(self, field) not in allowed:
                raise CxrError(f"Config: {field}={getattr(self, field)!r} is unknown; choose one of {', '.join(allowed)}.")
        if self.epochs < 1 or self.batch_size < 1 or self.size < 32 or self.width < 0 or not 0 <= self.dropout < 1:
            raise CxrError(
                "Config: epochs and batch_size must be at least 1, size at least 32, width not negative, dropout in [0, 1)."
            )

        if not (0 <= self.label_smoothing < 1 and 0 <= self.average < 1):
            raise CxrError("Config: label_smoothing and average must lie in [0, 1).")
        if self.mixup < 0 or self.mixup and self.stored:
            raise CxrError("Config: mixup must not be negative, and needs images read batch by batch, not stored features.")
        if self.average and self.patience:
            raise CxrError("Config: average needs patience = 0; early stopping would put the last epoch's weights back.")

    def departures(self) -> dict[str, object]:
        """Return the fields that differ from their defaults, by name."""
        return {
            field.name: getattr(self, field.name)
            for field in sorted(dataclasses.fields(self), key=lambda field: field.name)
            if field.default is dataclasses.MISSING or getattr(self, field.name) != field.default
        }

    @property
    def key(self) -> str:
        """Return the SHA-256 (hex) of the departures from the defaults."""
        return hashlib.sha256(json.dumps(self.departures(), sort_keys=True).encode()).hexdigest()

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
        """Tell whether the outputs of the frozen layers are stored rather than computed anew in every epoch.

        Below a frozen head they always are, below layers that are trained where `views` says how often.
        """
        return not self.stream and (self.frozen or self.views > 0)

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> "Config":
        """Build a configuration from a mapping; an unknown name is a CxrError."""
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise CxrError(f"Config: unknown field {', '.join(unknown)}; see cxr_helpers/config.py for the names.")
        return cls(**values)
