"""The small committed model that `cxr predict` uses: published from a run, checked whenever it is loaded.

It is there twice: default.keras for all that explains it, and default.onnx, which answers without Keras.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cxr_helpers import paths
from cxr_helpers.base import lazy, stored_results
from cxr_helpers.base.files import atomic_path, atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import portable

# `cxr predict` has an answer before any of these would be imported.
keras = lazy.module("keras")
dataset = lazy.module("cxr_helpers.data.dataset")
metrics = lazy.module("cxr_helpers.evaluation.metrics")
records = lazy.module("cxr_helpers.records")
compact = lazy.module("cxr_helpers.extras.inference.compact")
saved = lazy.module("cxr_helpers.extras.makers.saved")

SIZE_LIMIT = 15_000_000  # bytes; the model is committed
RESTORE = "restore the folder from git, or name another one that a published model lies in"
LIMITS = {
    "full": """trained on one hospital's images of children only. On adult images of other hospitals it does far worse, and its
probabilities are too high for normal images that it has not met (report, chapters "Other hospitals" and
"The final model"). Not tested on other children or for other findings. The size of a published image alone tells much of
its label, so part of the figures may owe to how the images were made.""",
    "own": "a set that this project does not know. How the model does on images from elsewhere was not measured.",
    "smoke": "synthetic images only, so that the figures say nothing about real ones.",
}
MODEL_CARD = Path(__file__).with_name("model_card.md")


@dataclasses.dataclass(frozen=True)
class Card:
    """What must be known of the model to use it: default.json.

    Input: images of `size` × `size` pixels after preprocessing `variant`.
    PNEUMONIA iff P(PNEUMONIA) >= `threshold`, the operating point. `metrics`: name → [value, ci_low, ci_high].
    `temperature`: by what the logits of the last layer were divided, None where they are as trained. `sha256` is of
    default.keras, `onnx_sha256` of default.onnx, which was written from it.
    """

    run_id: str
    sha256: str
    threshold: float
    size: int
    variant: str
    protocol: str
    initialisation: str
    data: str
    pixels: str
    test_images: int
    metrics: dict
    temperature: float | None = None
    onnx_sha256: str = ""


def folder(profile: str = "full") -> Path:
    """Return the folder of the published model."""
    return paths.reports(profile) / "models"


def load(model_dir: Path | None = None) -> tuple[keras.Model, Card]:
    """Return (Keras model, Card) of the model in `model_dir`, by default the committed one.

    A missing or broken card, or a model file that is not the one the card was written for, is a CxrError.
    """
    return _load(model_dir, "default.keras", lambda path: keras.saving.load_model(path, compile=False, safe_mode=True))


def load_portable(model_dir: Path | None = None) -> tuple[portable.Network, Card]:
    """Return what answers without Keras, and the Card, as `load` does; a model that was published without it is a CxrError."""
    return _load(model_dir, "default.onnx", portable.Network)


def _load(model_dir: Path | None, name: str, read: Callable[[Path], Any]) -> tuple[Any, Card]:
    model_dir = Path(model_dir or folder())
    path = model_dir / "default.json"
    stored_results.note(path)
    try:
        card = Card(**json.loads(path.read_text(encoding="utf-8")))
        path = model_dir / name
        if _sha256(path) != (card.sha256 if name == "default.keras" else card.onnx_sha256):
            raise CxrError(f"{path} is not the model that default.json describes (its SHA-256 differs); {RESTORE}.")
        return read(path), card
    except FileNotFoundError as error:
        raise CxrError(f"{path} does not exist; {RESTORE}.") from error
    except (OSError, ValueError, TypeError) as error:  # a layer that brings code, say, which safe mode does not run
        raise CxrError(f"{path} cannot be read ({str(error).partition(chr(10))[0][:120]}); {RESTORE}.") from error


def publish(record: records.Record, profile: str, threshold: float) -> Path:
    """Put a run's saved model into the published folder, in few bytes, with default.json and the model card; return the folder.

    `threshold` is the operating point chosen on validation. The models go first and the card last: between the
    writes `load` refuses them.

    Raises:
        CxrError: the model is not on this machine, scores otherwise than its record, is above 15 MB, or cannot be written as
            ONNX; what was published before then stays.
    """
    model, target = saved.of_run(record, profile), folder(profile)
    with atomic_path(target / "default.keras") as whole, atomic_path(target / "default.onnx") as light:
        compact.save(model, whole)
        portable.write(keras.saving.load_model(whole, compile=False), light)
        for file in (whole, light):
            if file.stat().st_size > SIZE_LIMIT:
                sizes = f"{file.stat().st_size / 1e6:.1f} MB, above the {SIZE_LIMIT / 1e6:.0f} MB"
                raise CxrError(f"The model of run {record.run_id} has {sizes} of a committed model; publish a smaller one.")
        card = dataclasses.replace(_describe(record, profile, threshold, _sha256(whole)), onnx_sha256=_sha256(light))
    atomic_write(target / "default.md", _model_card(card, profile))
    atomic_write(target / "default.json", json.dumps(dataclasses.asdict(card), indent=2, ensure_ascii=False) + "\n")
    return target


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _images(record: records.Record, profile: str) -> str:
    """Return what images a run was trained on: the published set where all of it is here, else own ones, told by their hash."""
    if profile == "smoke":
        return "synthetic images"
    if not dataset.difference(dataset.discover(profile).root):
        return dataset.DATASET.name
    return f"own images, SHA-256 of names and files {record.info['data_hash'][:12]}"


def _describe(record: records.Record, profile: str, threshold: float, sha256: str) -> Card:
    test, config = record.split("test"), saved.network_config(record, profile)
    figures = metrics.evaluate(test, threshold).loc[list(metrics.TITLES)].astype(float).round(4)
    return Card(
        run_id=record.run_id,
        sha256=sha256,
        threshold=float(threshold),
        size=config.size,
        variant=config.variant,
        protocol=record.config.protocol,
        initialisation=record.info["initialisation"],
        data=_images(record, profile),
        pixels=record.info["pixels"],
        test_images=len(test),
        temperature=record.info.get("temperature"),
        metrics={name: list(row) for name, row in zip(figures.index, figures.to_numpy().tolist(), strict=True)},
    )


def _model_card(card: Card, profile: str) -> str:
    """Return default.md: what the model is for, its data, its figures and its limits, all filled from the card."""
    published = card.data == dataset.DATASET.name
    return MODEL_CARD.read_text(encoding="utf-8").format(
        **dataclasses.asdict(card),
        citation=f" ({dataset.DATASET.citation}, doi {dataset.DATASET.doi})" if published else "",
        rows="\n".join(
            f"| {metrics.TITLES[name]} | {value:.3f} | {low:.3f} to {high:.3f} |"
            for name, (value, low, high) in card.metrics.items()
        ),
        limits=LIMITS["own" if profile == "full" and not published else profile],
    )
